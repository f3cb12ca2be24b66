package gateways_test

import (
	"testing"

	"github.com/lingpai/lingpai/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
