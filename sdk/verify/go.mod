module github.com/lingpai/lingpai/sdk/verify

go 1.23
