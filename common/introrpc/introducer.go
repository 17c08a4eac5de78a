package introrpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
)

// ErrNoV2 says that an introducer does not speak the protocol of this package.
var ErrNoV2 = errors.New("the introducer does not speak version 2 of the protocol; it must be Tahoe-LAFS 1.10 or newer")

// Introducer calls an introducer. It does not own the reference.
type Introducer struct{ Reference *foolscap.Reference }

// Version returns the application-version of the introducer. The error wraps
// ErrNoV2 if it does not speak the protocol.
func (i Introducer) Version(ctx context.Context) (string, error) {
	v, err := i.Reference.Call(ctx, methodVersion)
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	dict, err := foolscap.AsDict(v, MaxInfoKeys)
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	if _, ok := dict.Get(keyProtocolV2); !ok {
		return "", ErrNoV2
	}
	application, _ := dict.Get(keyApplication)
	text, ok := application.(banana.Bytes)
	if !ok {
		return unknown, nil
	}
	return cut(string(text)), nil
}

// Publish hands over an announcement, whose slices must not be changed
// afterwards. The canary is an object of the publisher's, of any kind: the
// introducer learns from it that the connection is lost. A *foolscap.RemoteError
// says that the announcement was refused; that a newer one is known is none.
func (i Introducer) Publish(ctx context.Context, a announce.Signed, canary foolscap.Referenceable) error {
	_, err := i.Reference.Call(ctx, methodPublish, encodeSigned(a), foolscap.Object{Referenceable: canary})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// Subscribe asks for all announcements of a service, those to come included. They
// arrive at the subscriber, an object of NewSubscriber, mostly before Subscribe
// returns. A second subscription of the same object has no effect.
func (i Introducer) Subscribe(ctx context.Context, subscriber foolscap.Referenceable, serviceName string, info SubscriberInfo) error {
	_, err := i.Reference.Call(ctx, methodSubscribe,
		foolscap.Object{Referenceable: subscriber}, banana.Bytes(serviceName), info.encode())
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", serviceName, err)
	}
	return nil
}

// Canary is an object without methods, for Publish.
type Canary struct{ _ byte } // not of size 0: each is to have an address of its own

// RemoteInterface implements foolscap.Referenceable.
func (*Canary) RemoteInterface() string { return "" }

// RemoteCall implements foolscap.Referenceable.
func (*Canary) RemoteCall(_ context.Context, r *foolscap.Request) (banana.Value, error) {
	return nil, foolscap.UnknownMethod(r, "")
}
