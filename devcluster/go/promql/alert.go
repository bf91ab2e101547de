package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

const definitions = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

type alert struct {
	Labels      map[string]string `json:"exp_labels"`
	Annotations map[string]string `json:"exp_annotations"`
}

// firing evaluates a rule at every interval until the given time, and returns the alerts that then fire: those whose labels were
// in each result for as long as `for` says. Prometheus' own package of rules would bring the clients of three clouds with it.
func (s *store) firing(ctx context.Context, rule rulefmt.Rule, interval, until time.Duration) ([]alert, error) {
	since := map[uint64]time.Duration{}
	firing := []alert{}
	for at := time.Duration(0); at <= until; at += interval {
		vector, err := s.query(ctx, rule.Expr, time.Unix(0, 0).Add(at))
		if err != nil {
			return nil, err
		}
		active := map[uint64]time.Duration{}
		firing = firing[:0]
		for _, found := range vector {
			made, key, err := s.render(ctx, rule, found)
			if err != nil {
				return nil, err
			}
			if _, twice := active[key]; twice {
				return nil, fmt.Errorf("two alerts have the labels %v", made.Labels)
			}
			active[key] = at
			if before, known := since[key]; known {
				active[key] = before
			}
			if at-active[key] >= time.Duration(rule.For) {
				firing = append(firing, made)
			}
		}
		since = active
	}
	return firing, nil
}

func (s *store) render(ctx context.Context, rule rulefmt.Rule, found promql.Sample) (alert, uint64, error) {
	data := template.AlertTemplateData(found.Metric.Map(), map[string]string{}, "", found)
	expand := func(texts map[string]string, put func(name, text string)) error {
		for name, text := range texts {
			at := model.Time(found.T)
			expander := template.NewTemplateExpander(ctx, definitions+text, "__alert_"+rule.Alert, data, at, s.query, &url.URL{}, nil)
			made, err := expander.Expand()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			put(name, made)
		}
		return nil
	}
	builder := labels.NewBuilder(found.Metric).Del(model.MetricNameLabel)
	if err := expand(rule.Labels, func(name, text string) { builder.Set(name, text) }); err != nil {
		return alert{}, 0, err
	}
	annotations := map[string]string{}
	if err := expand(rule.Annotations, func(name, text string) { annotations[name] = text }); err != nil {
		return alert{}, 0, err
	}
	key := builder.Labels()
	return alert{key.Map(), annotations}, key.Hash(), nil
}

type sample struct {
	Labels map[string]string `json:"labels"`
	Value  string            `json:"value"`
}

func printable(vector promql.Vector) []sample {
	samples := []sample{}
	for _, found := range vector {
		samples = append(samples, sample{found.Metric.Map(), strconv.FormatFloat(found.F, 'g', -1, 64)})
	}
	return samples
}
