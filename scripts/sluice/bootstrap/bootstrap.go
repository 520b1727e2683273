// Package bootstrap makes the first admin key: nobody can ask the Management API for one without having one.
//
// It is the one thing that is written to the table from outside the functions, through the same store, so that the key
// has its audit entry and its place in the feed like any other.
package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/problem"
)

// FileName is the file in the data folder that keeps the admin key.
const FileName = "admin-key"

// AdminKeys stores admin keys; a second one with the same secret is problem.Conflict.
type AdminKeys interface {
	Create(context.Context, catalog.Write, *catalog.AdminKey) error
}

// Credentials finds what a secret's hash leads to; problem.NotFound if nothing.
type Credentials interface {
	Credential(ctx context.Context, hash string) (catalog.Credential, error)
}

// Deps is what Ensure works with.
type Deps struct {
	Keys        AdminKeys
	Credentials Credentials
	Now         func() time.Time
	Random      io.Reader
}

// Ensure gives an admin key that works and is kept in the folder, readable by its owner only: the chosen one if there is
// one, else the one that is kept, else a new one. A key that the table does not know is stored with all rights. One that
// has been revoked or has expired is an error: it is not brought back.
func Ensure(ctx context.Context, d Deps, folder, chosen string) (credential.Secret, error) {
	file := filepath.Join(folder, FileName)
	secret, err := pick(d.Random, file, chosen)
	if err != nil {
		return credential.Secret{}, err
	}
	if err := d.store(ctx, secret); err != nil {
		return credential.Secret{}, err
	}
	return secret, keep(file, secret)
}

func pick(random io.Reader, file, chosen string) (credential.Secret, error) {
	from := "SLUICE_ADMIN_KEY"
	if chosen == "" {
		kept, err := os.ReadFile(file) // #nosec G304 -- in the data folder
		if errors.Is(err, fs.ErrNotExist) {
			return credential.Mint(random, credential.AdminPrefix)
		}
		if err != nil {
			return credential.Secret{}, fmt.Errorf("read the admin key: %w", err)
		}
		chosen, from = strings.TrimSpace(string(kept)), file
	}
	secret, prefix, err := credential.Parse(chosen)
	if err == nil && prefix != credential.AdminPrefix {
		err = errors.New("it is a key for an app")
	}
	if err != nil {
		return credential.Secret{}, fmt.Errorf(
			"%s is no admin key (sla_ and at least 28 more letters, digits, - and _): %w", from, err)
	}
	return secret, nil
}

// store makes sure that the table knows the key.
func (d Deps) store(ctx context.Context, secret credential.Secret) error {
	known, err := d.Credentials.Credential(ctx, secret.Hash())
	if err == nil {
		return usable(known, d.Now())
	}
	if !problem.Is(err, problem.NotFound) {
		return fmt.Errorf("look the admin key up: %w", err)
	}
	now := d.Now().UTC()
	key := catalog.AdminKey{ID: catalog.KeyID(uuid.NewString()), Name: "First admin key", Role: catalog.RolePlatformAdmin,
		Prefix: secret.Prefix(), Hash: secret.Hash()}
	write := catalog.Write{Actor: catalog.Actor{ID: "system", Name: "sluice bootstrap", Role: catalog.RolePlatformAdmin},
		RequestID: "bootstrap-" + uuid.NewString(), Action: "admin-key.issue", At: now}
	err = d.Keys.Create(ctx, write, &key)
	if problem.Is(err, problem.Conflict) { // somebody else was faster
		if known, again := d.Credentials.Credential(ctx, secret.Hash()); again == nil {
			return usable(known, now)
		}
	}
	if err != nil {
		return fmt.Errorf("store the admin key: %w", err)
	}
	return nil
}

func usable(c catalog.Credential, now time.Time) error {
	switch {
	case c.Admin == nil:
		return errors.New("the admin key is known as an app's key")
	case credential.Judge(c, now) != credential.Usable:
		return errors.New("the admin key has been revoked or has expired: set SLUICE_ADMIN_KEY to a new one, or remove the one that is kept")
	}
	return nil
}

// keep writes the key so that a crash leaves the old one or the new one.
func keep(file string, secret credential.Secret) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("keep the admin key: %w", err)
	}
	return WriteSecret(file, []byte(secret.Reveal()+"\n"))
}

// WriteSecret replaces a file in one step with one that only its owner can read.
func WriteSecret(file string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(file), err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error at hand matters more
		return fmt.Errorf("write %s: %w", filepath.Base(file), err)
	}
	return nil
}
