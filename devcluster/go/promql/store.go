package main

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// store holds the series of one group of tests; the first sample of each is at time 0.
type store struct {
	interval time.Duration
	series   []storage.Series
	engine   *promql.Engine
}

func newStore(interval time.Duration) *store {
	options := promql.EngineOpts{
		MaxSamples: 1e6, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true, Parser: promqlParser,
	}
	return &store{interval: interval, engine: promql.NewEngine(options)}
}

func (s *store) add(description, values string) error {
	metric, points, err := promqlParser.ParseSeriesDesc(description + " " + values)
	if err != nil {
		return fmt.Errorf("%s: %w", description, err)
	}
	series := promql.Series{Metric: metric}
	for i, point := range points {
		if !point.Omitted {
			series.Floats = append(series.Floats, promql.FPoint{T: int64(i) * s.interval.Milliseconds(), F: point.Value})
		}
	}
	s.series = append(s.series, promql.NewStorageSeries(series))
	return nil
}

// query is an instant query. A scalar counts as a vector with one sample, as in a rule.
func (s *store) query(ctx context.Context, text string, at time.Time) (promql.Vector, error) {
	querier := &storage.MockQuerier{SelectMockFunction: s.matching}
	query, err := s.engine.NewInstantQuery(ctx, &storage.MockQueryable{MockQuerier: querier}, nil, text, at)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	answer := query.Exec(ctx)
	if answer.Err != nil {
		return nil, answer.Err
	}
	switch value := answer.Value.(type) {
	case promql.Vector:
		return append(promql.Vector{}, value...), nil
	case promql.Scalar:
		return promql.Vector{promql.Sample{T: value.T, F: value.V}}, nil
	default:
		return nil, fmt.Errorf("a rule cannot use a %s", value.Type())
	}
}

func (s *store) matching(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &seriesSet{at: -1}
	for _, series := range s.series {
		if matches(series.Labels(), matchers) {
			found.series = append(found.series, series)
		}
	}
	return found
}

func matches(metric labels.Labels, matchers []*labels.Matcher) bool {
	for _, matcher := range matchers {
		if !matcher.Matches(metric.Get(matcher.Name)) {
			return false
		}
	}
	return true
}

type seriesSet struct {
	series []storage.Series
	at     int
}

func (s *seriesSet) Next() bool {
	s.at++
	return s.at < len(s.series)
}

func (s *seriesSet) At() storage.Series { return s.series[s.at] }

func (*seriesSet) Err() error { return nil }

func (*seriesSet) Warnings() annotations.Annotations { return nil }
