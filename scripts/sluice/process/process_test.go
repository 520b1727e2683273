package process_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/scripts/sluice/process"
)

// TestMain makes this very program a child that waits for its input to end, or for a signal.
func TestMain(m *testing.M) {
	switch os.Getenv("TEST_CHILD") {
	case "wait":
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(5)
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		if _, err := os.Stdout.WriteString("deaf\n"); err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdin.Read(make([]byte, 1))
	default:
		os.Exit(m.Run())
	}
}

func child(t *testing.T, mode string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "TEST_CHILD="+mode)
	return cmd
}

func TestAChildHasAGroupOfItsOwnAndTellsHowItEnded(t *testing.T) {
	s := process.NewStarter()
	defer s.Close()
	cmd := child(t, "wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() || !p.Alive() {
		t.Errorf("group %d of %d, alive %t, %v", group, p.PID(), p.Alive(), err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.Err(); !errors.As(err, &exit) || exit.ExitCode() != 5 || p.Alive() || p.State().ExitCode() != 5 {
		t.Errorf("it ended with %v", err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("a signal to what has ended: %v", err)
	}
	p.Stop(time.Minute) // returns at once
}

func TestAChildThatIgnoresItsSignalIsKilled(t *testing.T) {
	s := process.NewStarter()
	defer s.Close()
	cmd := child(t, "deaf")
	if _, err := cmd.StdinPipe(); err != nil { // kept open
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	p, err := s.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 5)); err != nil { // it ignores from here on
		t.Fatal(err)
	}
	p.Stop(20 * time.Millisecond)
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it ended with %v", err)
	}
}

func TestAClosedStarterStartsNothingAndEndsItsChildren(t *testing.T) {
	s := process.NewStarter()
	cmd := child(t, "wait")
	if _, err := cmd.StdinPipe(); err != nil { // kept open
		t.Fatal(err)
	}
	p, err := s.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := s.Start(child(t, "wait")); !errors.Is(err, process.ErrClosed) {
		t.Errorf("%v", err)
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it ended with %v", err)
	}
}

func TestAClosedStarterEndsNobodyElsesChild(t *testing.T) {
	const others = 8 // on as many threads as there may be: the starters take one of them each
	for range others {
		cmd := child(t, "wait")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = process.DiesWithThread()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		process.NewStarter().Close()
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 5 {
			t.Errorf("it ended with %v", err)
		}
	}
}

func TestAProgramThatIsNotThereIsAnError(t *testing.T) {
	s := process.NewStarter()
	defer s.Close()
	if _, err := s.Start(exec.Command("/nonexistent/program")); err == nil {
		t.Error("it starts")
	}
}
