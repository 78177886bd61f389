// `thalamus-host`: one local model file behind an OpenAI-compatible listener. Started by the gateway's supervisor, or
// by hand. Exit codes: 0 ended by a signal, 2 usage, 3 environment (missing or broken file, processor, address in use).
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "thalamus/base/log.h"
#include "thalamus/host/server.h"

namespace {

void complain(const char* text) {
  const auto written = ::write(STDERR_FILENO, text, std::strlen(text));
  static_cast<void>(written);
}

/// The engine is built with these instructions; without them it would end in an illegal instruction. It runs before
/// every other initialiser, those of the engine included, and calls the C library only.
[[gnu::constructor(101)]] void check_processor() {
  __builtin_cpu_init();
  const char* const missing = __builtin_cpu_supports("avx2") == 0   ? "avx2"
                              : __builtin_cpu_supports("fma") == 0  ? "fma"
                              : __builtin_cpu_supports("f16c") == 0 ? "f16c"
                              : __builtin_cpu_supports("bmi2") == 0 ? "bmi2"
                                                                    : nullptr;
  if (missing == nullptr) return;
  complain("error: this processor lacks ");
  complain(missing);
  complain(", which the engine for local models is built for; use a provider with `base_url` in its place\n");
  ::_exit(3);
}

thalamus::host::ServeOptions read_options(CLI::App& app, int argc, char** argv) {
  thalamus::host::ServeOptions options;
  auto& engine = options.engine;
  std::string model;
  app.set_version_flag("--version", THALAMUS_VERSION);
  app.add_option("--model", model, "GGUF file")->required();
  auto* unix_socket = app.add_option("--unix", options.unix_socket, "Unix socket to listen on");
  auto* listen = app.add_option("--listen", options.listen, "address (default 127.0.0.1:9000; port 0: any free one)");
  unix_socket->excludes(listen);
  app.add_option("--model-name", options.model_name, "name shown to clients (default: the file's)");
  app.add_option("--context", engine.context_tokens, "context length in tokens (default 8192)")
      ->check(CLI::Range(64, 1048576));
  app.add_option("--slots", engine.slots, "answers generated at the same time (default 1)")->check(CLI::Range(1, 64));
  app.add_option("--threads", engine.threads, "threads of a slot (default: cores but one, / slots)")
      ->check(CLI::Range(0, 512));
  app.add_option("--queue", engine.queue_length_max, "requests waiting at most (default 64)")
      ->check(CLI::Range(1, 65536));
  app.parse(argc, argv);
  if (options.unix_socket.empty() && options.listen.empty()) options.listen = "127.0.0.1:9000";
  engine.model = model;
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Serves one GGUF model: POST /v1/chat/completions, GET /v1/models, GET /health.");
  thalamus::host::ServeOptions options;
  try {
    options = read_options(app, argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? thalamus::base::kExitDone : thalamus::base::kExitUsage;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const thalamus::Status served = thalamus::host::serve(options);
  if (served) return thalamus::base::kExitDone;
  std::fprintf(stderr, "error: %s\n", served.error().text().c_str());
  const bool usage = served.error().kind == thalamus::ErrorKind::kInvalidInput;
  return usage ? thalamus::base::kExitUsage : thalamus::base::kExitEnvironment;
}
