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
#include "thalamus/host/demands.h"

namespace thalamus::host {

struct EngineOptions {
  std::filesystem::path model;
  std::uint32_t context_tokens = 8192;
  std::uint32_t slots = 1;              ///< answers generated at the same time, each with a context of its own
  std::uint32_t threads = 0;            ///< for each slot; 0: the cores but one, divided by the slots
  std::uint32_t queue_length_max = 64;  ///< requests waiting for a slot
};

/// One piece of an answer, as it is generated.
struct Piece {
  std::string text;                             ///< whole UTF-8 characters
  const core::TokenLogprob* logprob = nullptr;  ///< of the token that ended this piece, where asked for
};

/// Callbacks run on a worker thread, in order; `on_end` is the last one and always comes.
struct Job {
  std::string id;  ///< of the answer; names its tool calls
  core::Request request;
  Demands demands;
  std::uint64_t seed = 0;                      ///< where the request has none
  std::function<void(const Piece&)> on_piece;  ///< may be empty: the whole answer is enough
  /// The whole answer; kUnsupported at "body.messages" past the context, kCancelled, kUnavailable at a stop.
  std::function<void(Result<core::Answer>)> on_end;
  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
};

class Engine {
 public:
  /// Whether the file is there, readable and a GGUF file; quick. kNotFound, kEnvironment or kCorrupt.
  [[nodiscard]] static Status check_file(const std::filesystem::path& model);
  /// Reads the file (seconds). kNotFound, kCorrupt or kEnvironment with path, reason and remedy; kCancelled soon after
  /// `give_up` is set.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> load(const EngineOptions& options,
                                                            const std::atomic<bool>& give_up);
  /// Interrupts first.
  virtual ~Engine() = default;
  /// kUnavailable where the queue is full; kUnsupported for what a text model cannot do, naming the field. On failure
  /// no callback runs.
  [[nodiscard]] virtual Status submit(Job job) = 0;
  /// Ends every job, those under way within a fraction of one computation, with kUnavailable; and all that come later.
  virtual void interrupt() = 0;
};

}  // namespace thalamus::host
