//go:build !race

package promises_test

const raced = false
