// `thalamus-host`: one local model file behind an OpenAI-compatible listener. Started by the gateway's supervisor, or by
// hand. Exit codes: 0 ended by a signal, 2 usage, 3 environment (missing file, processor, address in use).
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "thalamus/base/log.h"
#include "thalamus/host/server.h"

namespace {

/// The engine is built with these instructions; without them it would end in an illegal instruction.
std::string missing_instructions() {
  std::string missing;
  const auto need = [&](bool present, const char* name) {
    if (!present) missing += missing.empty() ? name : std::string(", ") + name;
  };
  need(__builtin_cpu_supports("avx2") != 0, "avx2");
  need(__builtin_cpu_supports("fma") != 0, "fma");
  need(__builtin_cpu_supports("bmi2") != 0, "bmi2");
  return missing;
}

}  // namespace

int main(int argc, char** argv) {
  if (const std::string missing = missing_instructions(); !missing.empty()) {
    std::fprintf(stderr, "error: this processor lacks %s, which the engine was built for; use a provider with base_url\n",
                 missing.c_str());
    return thalamus::base::kExitEnvironment;
  }
  CLI::App app("Serves one GGUF model: POST /v1/chat/completions, GET /v1/models, GET /health.");
  thalamus::host::ServeOptions options;
  std::string model;
  app.set_version_flag("--version", THALAMUS_VERSION);
  app.add_option("--model", model, "GGUF file")->required();
  auto* unix_socket = app.add_option("--unix", options.unix_socket, "Unix socket to listen on");
  auto* listen = app.add_option("--listen", options.listen, "address to listen on: 127.0.0.1:9000 (port 0: any free one)");
  unix_socket->excludes(listen);
  app.add_option("--model-name", options.model_name, "name shown to clients (default: the file's)");
  app.add_option("--context", options.engine.context_tokens, "context length in tokens")->check(CLI::Range(64, 1048576));
  app.add_option("--slots", options.engine.slots, "answers generated at the same time")->check(CLI::Range(1, 64));
  app.add_option("--threads", options.engine.threads, "threads of a slot (default: cores / slots)")->check(CLI::Range(0, 512));
  app.add_option("--queue", options.engine.queue_length_max, "requests waiting at most")->check(CLI::Range(1, 65536));
  CLI11_PARSE(app, argc, argv);
  if (options.unix_socket.empty() && options.listen.empty()) options.listen = "127.0.0.1:9000";
  options.engine.model = model;
  std::signal(SIGPIPE, SIG_IGN);
  const thalamus::Status served = thalamus::host::serve(options);
  if (served) return thalamus::base::kExitDone;
  std::fprintf(stderr, "error: %s\n", served.error().text().c_str());
  return thalamus::base::kExitEnvironment;
}
