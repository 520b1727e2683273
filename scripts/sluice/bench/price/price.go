// Package price tells what calls cost in the cloud, from what one of them uses and a list of public prices.
package price

import (
	"bytes"
	_ "embed" // the list
	"errors"
	"fmt"
	"math"
	"slices"

	"go.yaml.in/yaml/v3"
)

//go:embed list.yaml
var list []byte

// Standard is the list that is built in, as YAML.
func Standard() []byte { return slices.Clone(list) }

// List is a list of prices: where they are from, and what a million of each costs.
type List struct {
	Date       string   `yaml:"date" json:"date"`
	Region     string   `yaml:"region" json:"region"`
	Currency   string   `yaml:"currency" json:"currency"`
	Sources    []string `yaml:"sources" json:"sources"`
	PerMillion Rates    `yaml:"per_million" json:"per_million"`
}

// Rates are prices of a million.
type Rates struct {
	HTTPRequests    float64 `yaml:"http_api_requests" json:"http_api_requests"`
	LambdaRequests  float64 `yaml:"lambda_requests" json:"lambda_requests"`
	LambdaGBSeconds float64 `yaml:"lambda_gb_seconds" json:"lambda_gb_seconds"`
	ReadUnits       float64 `yaml:"dynamodb_read_units" json:"dynamodb_read_units"`
	WriteUnits      float64 `yaml:"dynamodb_write_units" json:"dynamodb_write_units"`
}

// Parse reads a list from YAML or JSON. Nothing may be missing or unknown: a price that is forgotten would be a price of 0.
func Parse(b []byte) (List, error) {
	var l List
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&l); err != nil {
		return List{}, fmt.Errorf("read the price list: %w", err)
	}
	var faults []error
	for name, v := range map[string]string{"date": l.Date, "region": l.Region, "currency": l.Currency} {
		if v == "" {
			faults = append(faults, fmt.Errorf("%s is missing", name))
		}
	}
	if len(l.Sources) == 0 {
		faults = append(faults, errors.New("sources are missing"))
	}
	r := l.PerMillion
	for name, v := range map[string]float64{"http_api_requests": r.HTTPRequests, "lambda_requests": r.LambdaRequests,
		"lambda_gb_seconds": r.LambdaGBSeconds, "dynamodb_read_units": r.ReadUnits, "dynamodb_write_units": r.WriteUnits} {
		if !(v > 0) || math.IsInf(v, 0) {
			faults = append(faults, fmt.Errorf("per_million.%s must be a price above 0", name))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return List{}, fmt.Errorf("the price list: %w", err)
	}
	return l, nil
}

// Function is one of the functions that a call passes.
type Function struct {
	Name     string  `json:"name"`
	MemoryMB int     `json:"memory_mb"`
	CPU      float64 `json:"cpu_ms"`  // of one invocation, on one whole processor
	Wait     float64 `json:"wait_ms"` // for others
}

// wholeCPU is the memory at which Lambda gives a function one whole processor; with less it gets a share.
const wholeCPU = 1769.0

// BilledMs is the duration of an invocation: its work at its share of a processor and its wait, in whole milliseconds, at
// least one.
func (f Function) BilledMs() float64 {
	share := min(1, float64(f.MemoryMB)/wholeCPU)
	return max(1, math.Ceil(f.CPU/share+f.Wait))
}

// Call is what one call uses.
type Call struct {
	Functions  []Function
	ReadUnits  float64
	WriteUnits float64
}

// Bill is what a million calls cost.
type Bill struct {
	HTTPRequests   float64 `json:"http_api_requests"`
	LambdaRequests float64 `json:"lambda_requests"`
	LambdaTime     float64 `json:"lambda_time"`
	Reads          float64 `json:"dynamodb_reads"`
	Writes         float64 `json:"dynamodb_writes"`
	Total          float64 `json:"total"`
}

// Million tells what a million such calls cost.
func (l List) Million(c Call) Bill {
	r, seconds := l.PerMillion, 0.0
	for _, f := range c.Functions {
		seconds += f.BilledMs() / 1000 * float64(f.MemoryMB) / 1024
	}
	b := Bill{HTTPRequests: r.HTTPRequests, LambdaRequests: r.LambdaRequests * float64(len(c.Functions)),
		LambdaTime: r.LambdaGBSeconds * seconds, Reads: r.ReadUnits * c.ReadUnits, Writes: r.WriteUnits * c.WriteUnits}
	b.Total = b.HTTPRequests + b.LambdaRequests + b.LambdaTime + b.Reads + b.Writes
	return b
}
