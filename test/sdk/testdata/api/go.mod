module api

go 1.24

require github.com/lingpai/lingpai/sdk/verify v0.0.0

replace github.com/lingpai/lingpai/sdk/verify => ../../../../sdk/verify
