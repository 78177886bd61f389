/// The engine behind an OpenAI-compatible listener: POST /v1/chat/completions, GET /v1/models, GET /health.
#pragma once

#include <cstdint>
#include <string>

#include "thalamus/base/result.h"
#include "thalamus/host/engine.h"

namespace thalamus::host {

struct ServeOptions {
  EngineOptions engine;
  std::string unix_socket;  ///< path; or
  std::string listen;       ///< "127.0.0.1:9000", port 0 picks a free one
  std::string model_name;   ///< shown and echoed; empty: the file's name without its ending
};

/// Listens at once, answers 503 while the model loads, serves until SIGTERM or SIGINT, and returns when all is ended:
/// answers under way have a second to finish. Where the engine does not come to an end within half a second after that
/// (a model being read), the process exits with kExitDone from here.
[[nodiscard]] Status serve(const ServeOptions& options);

}  // namespace thalamus::host
