package sql

import (
	"testing"

	"github.com/lingpai/lingpai/storage/dbtest"
)

func TestMain(m *testing.M) { dbtest.Run(m) }
