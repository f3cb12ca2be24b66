package sql

import (
	"testing"

	"github.com/lingpai/lingpai/storage/servers"
)

func TestMain(m *testing.M) { servers.Run(m) }
