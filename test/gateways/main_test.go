package gateways_test

import (
	"testing"

	"github.com/lingpai/lingpai/test/harness"
)

// otherAudience is an API that the clients of "lingpai dev" are not for.
const otherAudience = "https://other.example.com"

func TestMain(m *testing.M) { harness.Main(m) }
