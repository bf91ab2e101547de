// Command promql evaluates a file in the form of promtool's rule tests with Prometheus' own parser, engine, templates and rule format.
// It compares nothing: for each group of tests it prints a line of JSON with what fires and what each expression returns.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

type testFile struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []testGroup    `yaml:"tests"`
}

type testGroup struct {
	Name     string         `yaml:"name"`
	Interval model.Duration `yaml:"interval"`
	Series   []struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	} `yaml:"input_series"`
	Alerts []struct {
		EvalTime model.Duration `yaml:"eval_time"`
		Name     string         `yaml:"alertname"`
		Expected yaml.Node      `yaml:"exp_alerts"`
	} `yaml:"alert_rule_test"`
	Expressions []struct {
		EvalTime model.Duration `yaml:"eval_time"`
		Text     string         `yaml:"expr"`
		Expected yaml.Node      `yaml:"exp_samples"`
	} `yaml:"promql_expr_test"`
}

// result has an entry for each test of a group, in its order.
type result struct {
	Name        string     `json:"name"`
	Alerts      [][]alert  `json:"alerts"`
	Expressions [][]sample `json:"expressions"`
}

var promqlParser = parser.NewParser(parser.Options{})

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: promql TEST-FILE")
	}
	if err := run(context.Background(), os.Args[1], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, path string, out io.Writer) error {
	tests, rules, err := read(path)
	if err != nil {
		return err
	}
	for _, group := range tests.Tests {
		found, err := group.evaluate(ctx, rules, time.Duration(tests.EvaluationInterval))
		if err != nil {
			return fmt.Errorf("%s: %w", group.Name, err)
		}
		if err := json.NewEncoder(out).Encode(found); err != nil {
			return err
		}
	}
	return nil
}

// read returns the tests and the rules by their alerts' names; it refuses what promtool's "check rules" refuses.
func read(path string) (testFile, map[string]rulefmt.Rule, error) {
	tests := testFile{EvaluationInterval: model.Duration(time.Minute)}
	file, err := os.Open(path)
	if err != nil {
		return tests, nil, err
	}
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	if err := decoder.Decode(&tests); err != nil {
		return tests, nil, fmt.Errorf("%s: %w", path, err)
	}
	rules := map[string]rulefmt.Rule{}
	for _, name := range tests.RuleFiles {
		groups, errs := rulefmt.ParseFile(filepath.Join(filepath.Dir(path), name), false, model.UTF8Validation, promqlParser, slog.Default())
		if len(errs) > 0 {
			return tests, nil, errors.Join(errs...)
		}
		for _, group := range groups.Groups {
			for _, rule := range group.Rules {
				rules[rule.Alert] = rule
			}
		}
	}
	return tests, rules, nil
}

func (g testGroup) evaluate(ctx context.Context, rules map[string]rulefmt.Rule, interval time.Duration) (result, error) {
	found := result{g.Name, [][]alert{}, [][]sample{}}
	store := newStore(time.Duration(g.Interval))
	for _, series := range g.Series {
		if err := store.add(series.Series, series.Values); err != nil {
			return found, err
		}
	}
	for _, test := range g.Alerts {
		rule, known := rules[test.Name]
		if !known {
			return found, fmt.Errorf("there is no alert %s", test.Name)
		}
		alerts, err := store.firing(ctx, rule, interval, time.Duration(test.EvalTime))
		if err != nil {
			return found, fmt.Errorf("%s: %w", test.Name, err)
		}
		found.Alerts = append(found.Alerts, alerts)
	}
	for _, test := range g.Expressions {
		samples, err := store.query(ctx, test.Text, time.Unix(0, 0).Add(time.Duration(test.EvalTime)))
		if err != nil {
			return found, fmt.Errorf("%s: %w", test.Text, err)
		}
		found.Expressions = append(found.Expressions, printable(samples))
	}
	return found, nil
}
