package lambda

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// The two APIs that a function's process talks to, by their published paths and header names.
const (
	runtimePath   = "/2018-06-01/runtime"
	extensionPath = "/2020-01-01/extension"

	headerRequestID     = "Lambda-Runtime-Aws-Request-Id"
	headerDeadline      = "Lambda-Runtime-Deadline-Ms"
	headerFunctionARN   = "Lambda-Runtime-Invoked-Function-Arn"
	headerTrace         = "Lambda-Runtime-Trace-Id"
	headerErrorType     = "Lambda-Runtime-Function-Error-Type"
	headerExtensionName = "Lambda-Extension-Name"
	headerExtensionID   = "Lambda-Extension-Identifier"
)

// routes is the Runtime API and the Extensions API of one instance.
func (i *instance) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimePath+"/invocation/next", i.handleNext)
	mux.HandleFunc("POST "+runtimePath+"/invocation/{id}/response", i.handleResponse)
	mux.HandleFunc("POST "+runtimePath+"/invocation/{id}/error", i.handleError)
	mux.HandleFunc("POST "+runtimePath+"/init/error", i.handleInitError)
	mux.HandleFunc("POST "+extensionPath+"/register", i.handleRegister)
	mux.HandleFunc("GET "+extensionPath+"/event/next", i.handleEvent)
	mux.HandleFunc("POST "+extensionPath+"/init/error", i.handleInitError)
	mux.HandleFunc("POST "+extensionPath+"/exit/error", i.handleInitError)
	return mux
}

// handleNext gives the runtime its next call, once there is one. Asking says that the call before is done.
func (i *instance) handleNext(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	if i.waiting || i.current != nil && !i.current.answered {
		i.mu.Unlock()
		refuse(w, http.StatusForbidden, "Runtime.InvalidStateTransition", "the call at hand has no answer yet")
		return
	}
	i.waiting = true
	free := i.settle()
	i.mu.Unlock()
	if free {
		i.function.ready(i)
	}
	select {
	case v := <-i.next:
		h := w.Header()
		h.Set(headerRequestID, v.id)
		h.Set(headerDeadline, strconv.FormatInt(v.deadline.UnixMilli(), 10))
		h.Set(headerFunctionARN, i.arn())
		h.Set(headerTrace, "Root=1-"+v.id[:8]+"-"+v.id[9:13]+v.id[14:18]+v.id[19:23]+v.id[24:36]+";Sampled=0")
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(v.payload) // a process that is gone by now shows as a crash
	case <-r.Context().Done():
		i.mu.Lock()
		i.waiting = false // it may ask again
		i.mu.Unlock()
	}
}

func (i *instance) arn() string {
	return "arn:aws:lambda:us-east-1:123456789012:function:" + i.function.cfg.Name
}

// handleResponse takes the function's answer. The caller gets it at once; extensions may work on.
func (i *instance) handleResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPayloadBytes))
	var tooLarge *http.MaxBytesError
	switch failed := r.Trailer.Get(headerErrorType); {
	case errors.As(err, &tooLarge):
		i.answer(r.PathValue("id"), result{err: &FunctionError{"Function.ResponseSizeTooLarge", "the answer is larger than 6 MB"}})
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the answer is larger than 6 MB")
	case err != nil:
		refuse(w, http.StatusBadRequest, "Runtime.TruncatedResponse", "the answer is incomplete")
	case failed != "":
		i.accept(w, r, result{err: &FunctionError{failed, "the answer broke off"}})
	default:
		i.accept(w, r, result{payload: body})
	}
}

// handleError takes the function's error.
func (i *instance) handleError(w http.ResponseWriter, r *http.Request) {
	i.accept(w, r, result{err: reported(r)})
}

func (i *instance) accept(w http.ResponseWriter, r *http.Request, res result) {
	if !i.answer(r.PathValue("id"), res) {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "there is no such call, or it has been answered")
		return
	}
	accepted(w)
}

// answer gives the caller of the current call its result; false if the call is not the current one.
func (i *instance) answer(id string, res result) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.current == nil || i.current.id != id || i.current.answered {
		return false
	}
	i.current.answered = true
	i.current.finish(res)
	return true
}

// handleInitError notes why the process is about to end.
func (i *instance) handleInitError(w http.ResponseWriter, r *http.Request) {
	e := reported(r)
	i.mu.Lock()
	i.initError = e
	i.mu.Unlock()
	i.function.cfg.Notice("function %s reports %v", i.function.cfg.Name, e)
	accepted(w)
}

// handleRegister registers an internal extension, which may only happen before the first call.
func (i *instance) handleRegister(w http.ResponseWriter, r *http.Request) {
	name := r.Header.Get(headerExtensionName)
	var body struct {
		Events []string `json:"events"`
	}
	err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&body)
	if name == "" || err != nil && !errors.Is(err, io.EOF) {
		refuse(w, http.StatusBadRequest, "Extension.InvalidRequest", "an extension needs a name and a list of events")
		return
	}
	if slices.ContainsFunc(body.Events, func(e string) bool { return e != "INVOKE" }) {
		refuse(w, http.StatusForbidden, "Extension.InvalidEventType", "an internal extension may only register for INVOKE")
		return
	}
	e := &extension{id: uuid.NewString(), name: name, invoke: len(body.Events) > 0, events: make(chan *invocation, 1)}
	i.mu.Lock()
	late := i.ready || slices.ContainsFunc(i.extensions, func(o *extension) bool { return o.name == name })
	if !late {
		i.extensions = append(i.extensions, e)
	}
	i.mu.Unlock()
	if late {
		refuse(w, http.StatusForbidden, "Extension.RegistrationClosed", "extensions register once, before the first call")
		return
	}
	w.Header().Set(headerExtensionID, e.id)
	writeJSON(w, http.StatusOK, map[string]string{
		"functionName": i.function.cfg.Name, "functionVersion": "$LATEST", "handler": i.function.cfg.Handler})
}

// handleEvent gives an extension its next event, once there is one. Asking says that it is done with the one before.
func (i *instance) handleEvent(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get(headerExtensionID)
	i.mu.Lock()
	at := slices.IndexFunc(i.extensions, func(e *extension) bool { return e.id == id })
	if at < 0 {
		i.mu.Unlock()
		refuse(w, http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "no extension has this identifier")
		return
	}
	e := i.extensions[at]
	e.waiting = true
	free := i.settle()
	i.mu.Unlock()
	if free {
		i.function.ready(i)
	}
	select {
	case v := <-e.events:
		writeJSON(w, http.StatusOK, map[string]any{
			"eventType": "INVOKE", "deadlineMs": v.deadline.UnixMilli(), "requestId": v.id, "invokedFunctionArn": i.arn(),
			"tracing": map[string]string{"type": "X-Amzn-Trace-Id", "value": ""}})
	case <-r.Context().Done():
	}
}

// reported reads an error that the process tells about itself; one that cannot be read is still an error.
func reported(r *http.Request) *FunctionError {
	e := &FunctionError{}
	if err := json.NewDecoder(io.LimitReader(r.Body, MaxPayloadBytes)).Decode(e); err != nil || e.Type == "" {
		e.Type = r.Header.Get(headerErrorType)
	}
	if e.Type == "" {
		e.Type = "Runtime.Unknown"
	}
	return e
}

func accepted(w http.ResponseWriter) {
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

func refuse(w http.ResponseWriter, status int, kind, text string) {
	writeJSON(w, status, map[string]string{"errorType": kind, "errorMessage": text})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // strings and numbers; a process that is gone shows as a crash
}
