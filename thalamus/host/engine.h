/// One model file in memory, answering chat requests on worker threads. Knows no protocol and no socket.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "thalamus/base/result.h"
#include "thalamus/core/answer.h"
#include "thalamus/core/request.h"

namespace thalamus::host {

struct EngineOptions {
  std::filesystem::path model;
  std::uint32_t context_tokens = 8192;
  std::uint32_t slots = 1;             ///< answers generated at the same time, each with a context of its own
  std::uint32_t threads = 0;           ///< for each slot; 0: the processor's cores divided by the slots
  std::uint32_t queue_length_max = 64; ///< requests waiting for a slot
};

/// One piece of an answer, as it is generated.
struct Piece {
  std::string text;
  const core::TokenLogprob* logprob = nullptr;  ///< of the token that ended this piece, where asked for
};

/// Callbacks run on a worker thread, in order; `on_end` is the last one.
struct Job {
  core::Request request;
  std::function<void(const Piece&)> on_piece;
  std::function<void(Result<core::Answer>)> on_end;  ///< the whole answer; kTooLarge past the context
  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
};

class Engine {
 public:
  /// Reads the file (seconds). kNotFound, kCorrupt or kEnvironment with path, reason and remedy.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> load(const EngineOptions& options);
  virtual ~Engine() = default;
  /// kLimitExceeded where the queue is full; kUnsupported for what a text model cannot do, naming the field.
  [[nodiscard]] virtual Status submit(Job job) = 0;
  [[nodiscard]] virtual std::size_t queue_length() const = 0;
};

}  // namespace thalamus::host
