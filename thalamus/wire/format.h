/// One protocol's formats, both as a server and as a client of it. Everything is bytes in, values out and back; no I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/core/answer.h"
#include "thalamus/core/request.h"

namespace thalamus::wire {

struct DecodeLimits {
  std::size_t body_bytes_max = 32U << 20;
  std::size_t depth_max = 64;
  std::size_t messages_max = 4096;
};

/// The edits of a forwarded body: model name, our own members, usage on streams. Nothing else of its bytes changes.
struct ForwardEdits {
  std::string_view model;           ///< the upstream's own model id
  bool force_include_usage = true;  ///< on streams: `stream_options.include_usage`
};

/// What one frame of an upstream stream means for the turn.
struct FrameFacts {
  bool content = false;     ///< carries text, a tool call, a refusal or reasoning: the commit point
  bool finished = false;    ///< carries a finish reason
  bool done = false;        ///< the protocol's own end of stream
  bool usage_only = false;  ///< exists only for usage; dropped where the client did not ask
  bool carries_usage = false;
  bool names_usage = false;  ///< has a member `usage`, if only null: `strip_usage` where the client did not ask
  core::Usage usage;
  core::Finish finish = core::Finish::kUnknown;
  std::string text;     ///< decoded text delta
  bool failed = false;  ///< an error inside the stream
  std::string failure;  ///< its message
};

/// What a buffered upstream answer means for the turn.
struct AnswerFacts {
  core::Answer answer;  ///< text, tool calls, finish, usage
  bool empty = false;   ///< no choices, or neither text nor tool call
};

/// Stateless and thread-safe.
class Format {
 public:
  virtual ~Format() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  // The server's side.
  /// kInvalidInput with `where` = "body.messages[2].role" on anything mistyped; kTooLarge past a limit.
  [[nodiscard]] virtual Result<core::Request> decode(std::string_view body, const DecodeLimits& limits) const = 0;
  [[nodiscard]] virtual std::string encode_answer(const core::Answer& answer) const = 0;
  /// The complete SSE bytes of one piece of a stream (several frames where the protocol wants them).
  [[nodiscard]] virtual std::string encode_stream_start(const core::Answer& head) const = 0;
  [[nodiscard]] virtual std::string encode_stream_text(const core::Answer& head, std::string_view delta,
                                                       const core::TokenLogprob* logprob) const = 0;
  [[nodiscard]] virtual std::string encode_stream_end(const core::Answer& answer, bool with_usage) const = 0;
  [[nodiscard]] virtual std::string encode_error(const base::Error& error) const = 0;
  [[nodiscard]] virtual std::string encode_stream_error(const base::Error& error) const = 0;

  // The client's side.
  [[nodiscard]] virtual Result<std::string> forward(std::string_view body, const ForwardEdits& edits) const = 0;
  [[nodiscard]] virtual std::string encode_request(const core::Request& request, std::string_view model) const = 0;
  [[nodiscard]] virtual Result<AnswerFacts> read_answer(std::string_view body) const = 0;
  /// `data` is the joined data of one SSE event. kUpstream where it is not the protocol's.
  [[nodiscard]] virtual Result<FrameFacts> read_frame(std::string_view data) const = 0;
  /// The human part of an upstream's error body, whatever its shape; bounded to 500 bytes.
  [[nodiscard]] virtual std::string read_error(std::string_view body) const = 0;
};

/// The registered formats (formats.def), by `name()` ("openai") or by the name of their line; null for an unknown one.
[[nodiscard]] const Format* find_format(std::string_view name) noexcept;
[[nodiscard]] std::vector<std::string> format_names();

}  // namespace thalamus::wire
