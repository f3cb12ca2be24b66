# Short names for the commands in README.md and CONTRIBUTING.md. "make" lists them.

PKG ?= ./...
# TAGS=openssl builds with signatures by OpenSSL.
TAGS ?=

.DEFAULT_GOAL := help
.PHONY: help build dev test docs lint fix long bench ci

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build ./lingpai (TAGS=openssl: with signatures by OpenSSL)
	go build -tags '$(TAGS)' -o lingpai ./cmd/lingpai

dev: ## Start lingpai dev, with a WeChat simulator
	go run ./cmd/lingpai dev

test: ## Run the tests, in a few minutes (PKG=./grants: of one package)
	go test $(PKG)

docs: ## Test the documents: links, translations, wording, architecture table
	go test ./docs ./deploy ./internal/archtest

lint: ## Run golangci-lint as CI does
	.ci/lint

fix: ## Format the code, and fix what golangci-lint can fix
	.ci/lint --fix

long: ## Run a test that takes minutes (NAME=soak; without NAME: list them)
	.ci/long $(NAME)

bench: ## Measure what a token costs in CPU (ARGS='-store postgresql')
	go run ./bench $(ARGS)

ci: ## Run everything that must pass before a change is merged
	.ci/run
