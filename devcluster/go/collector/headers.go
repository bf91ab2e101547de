package main

import (
	"context"
	"fmt"
	"net/http"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
)

// headersConfig is the part of headers_setter's configuration that the page uses.
type headersConfig struct {
	Headers []header `mapstructure:"headers"`
}

type header struct {
	Action      string `mapstructure:"action"`
	Key         string `mapstructure:"key"`
	FromContext string `mapstructure:"from_context"`
	Value       string `mapstructure:"value"`
}

// Validate refuses what this stand-in does not do.
func (c *headersConfig) Validate() error {
	for _, h := range c.Headers {
		if h.Action != "upsert" || h.Key == "" || (h.FromContext == "") == (h.Value == "") {
			return fmt.Errorf("header %q: an upsert of one source is all that is known here", h.Key)
		}
	}
	return nil
}

// newHeadersSetter stands in for contrib's extension headers_setter, which is not to be had as a Go module.
func newHeadersSetter() extension.Factory {
	create := func(_ context.Context, _ extension.Settings, config component.Config) (extension.Extension, error) {
		return &headersSetter{headers: config.(*headersConfig).Headers}, nil
	}
	return extension.NewFactory(
		component.MustNewType("headers_setter"),
		func() component.Config { return &headersConfig{} },
		create,
		component.StabilityLevelDevelopment,
	)
}

type headersSetter struct {
	component.StartFunc
	component.ShutdownFunc
	headers []header
}

var _ extensionauth.HTTPClient = (*headersSetter)(nil)

// RoundTripper sets the headers of each request from the metadata that came with its traces.
func (s *headersSetter) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		request = request.Clone(request.Context())
		metadata := client.FromContext(request.Context()).Metadata
		for _, h := range s.headers {
			values := []string{h.Value}
			if h.FromContext != "" {
				values = metadata.Get(h.FromContext)
			}
			if len(values) > 0 {
				request.Header.Set(h.Key, values[0])
			}
		}
		return base.RoundTrip(request)
	}), nil
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
