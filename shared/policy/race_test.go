//go:build race

package policy_test

// stride thins the walks out where each step costs ten times as much; races show in a part of them as well.
const stride = 11 // prime to the number of variants of each aspect
