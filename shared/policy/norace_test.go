//go:build !race

package policy_test

// stride thins nothing out.
const stride = 1
