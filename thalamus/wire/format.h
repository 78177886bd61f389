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
#include "thalamus/wire/sse.h"

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

/// Something of a request that a translation cannot carry.
struct Loss {
  std::string path;  ///< "messages[2].content[0]", in the client's body
  std::string reason;
};
using Losses = std::vector<Loss>;

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
  std::string text;          ///< decoded text delta
  std::string model;         ///< that answers, where the frame says so
  std::string service_tier;  ///< likewise, as in core::Answer
  bool failed = false;       ///< an error inside the stream
  std::string failure;       ///< its message
};

/// What a buffered upstream answer means for the turn.
struct AnswerFacts {
  core::Answer answer;  ///< text, tool calls, finish, usage
  bool empty = false;   ///< no choices, or neither text nor tool call
};

/// The begin of a streamed answer.
struct StreamHead {
  std::string id;  ///< without the protocol's prefix
  std::int64_t created_unix_s = 0;
  std::string model;
  bool with_usage = false;         ///< the client asked for the usage of a stream, where the protocol leaves the choice
  std::uint32_t input_tokens = 0;  ///< estimated, for protocols that say it at the start; 0 if unknown
  std::string_view request = {};   ///< the client's body, for protocols that repeat it; outlives the stream
};

/// What is known only at the end of a streamed answer.
struct StreamEnd {
  core::Finish finish = core::Finish::kStop;
  core::Usage usage;
  std::string service_tier = {};
};

/// One stream towards a client: each call appends complete SSE frames. `start` comes first, then `write` as often as
/// there are pieces, then `end` or `fail`. Whatever order the pieces have, the frames are well formed.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  virtual void start(std::string& out) = 0;
  virtual void write(const core::Delta& delta, std::string& out) = 0;
  virtual void end(const StreamEnd& tail, std::string& out) = 0;
  /// The protocol's own frame for a failure after the start.
  virtual void fail(const base::Error& error, std::string& out) = 0;
};

/// One stream from an upstream: frame after frame.
class StreamReader {
 public:
  virtual ~StreamReader() = default;
  /// What one event means; `deltas`, where not null, gets the pieces of the answer in it appended. kUpstream where it
  /// is not the protocol's.
  [[nodiscard]] virtual Result<FrameFacts> read(const SseEvent& event, std::vector<core::Delta>* deltas) = 0;
};

/// How a protocol's clients and servers find each other.
struct Endpoints {
  std::string_view inbound;   ///< "/v1/chat/completions": where our clients post
  std::string_view upstream;  ///< "/chat/completions": after a provider's base URL
};

/// How a credential travels.
enum class AuthStyle : std::uint8_t {
  kBearer,   ///< Authorization: Bearer KEY
  kXApiKey,  ///< x-api-key: KEY
  kApiKey,   ///< api-key: KEY
};

/// Stateless and thread-safe.
class Format {
 public:
  virtual ~Format() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  [[nodiscard]] virtual Endpoints endpoints() const noexcept = 0;
  /// Vectors are asked for, not an answer: only targets with that ability can serve it, whatever else they speak.
  [[nodiscard]] virtual bool embeddings() const noexcept { return false; }
  /// Of its best known provider.
  [[nodiscard]] virtual AuthStyle auth_style() const noexcept { return AuthStyle::kBearer; }
  /// Headers, beside the credential, that the protocol wants on every request: name and value.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::string>> request_headers() const { return {}; }
  /// The header in which clients ask for features of the protocol that are not common yet: it goes on to upstreams of
  /// the same protocol. Empty: none.
  [[nodiscard]] virtual std::string_view beta_header() const noexcept { return {}; }

  // The server's side.
  /// kInvalidInput with `where` = "body.messages[2].role" on anything mistyped; kTooLarge past a limit.
  [[nodiscard]] virtual Result<core::Request> decode(std::string_view body, const DecodeLimits& limits) const = 0;
  /// `answer.id` is without the protocol's prefix. `request` is the client's body, for protocols whose answers repeat
  /// of it what they followed; may be empty.
  [[nodiscard]] virtual std::string encode_answer(const core::Answer& answer, std::string_view request = {}) const = 0;
  [[nodiscard]] virtual std::unique_ptr<StreamWriter> write_stream(StreamHead head) const = 0;
  /// A body of an error; `request_id`, where not empty, is told too if the protocol has a place for it.
  [[nodiscard]] virtual std::string encode_error(const base::Error& error, std::string_view request_id = {}) const = 0;
  /// The frame of an error inside a stream that was not written by a StreamWriter (its bytes were forwarded).
  [[nodiscard]] virtual std::string encode_stream_error(const base::Error& error) const = 0;

  // The client's side.
  [[nodiscard]] virtual Result<std::string> forward(std::string_view body, const ForwardEdits& edits) const = 0;
  /// `losses`, where not null, gets what this protocol cannot say of the request's fields, as "request.stop[0]", and of
  /// its parts, at their own places. `translate` does this, names the places and tells what no field holds.
  [[nodiscard]] virtual std::string encode_request(const core::Request& request, std::string_view model,
                                                   Losses* losses = nullptr) const = 0;
  /// Gives losses that name a field of the request ("request.stop[0]") the path that spells it in `body`, which decodes
  /// to that request.
  virtual void name_losses(std::string_view /*body*/, Losses& /*losses*/) const {}
  [[nodiscard]] virtual Result<AnswerFacts> read_answer(std::string_view body) const = 0;
  [[nodiscard]] virtual std::unique_ptr<StreamReader> read_stream() const = 0;
  /// The human part of an upstream's error body, whatever its shape; bounded to 500 bytes.
  [[nodiscard]] virtual std::string read_error(std::string_view body) const = 0;
};

/// The registered formats (formats.def), by `name()` ("openai") or by the name of their line; null for an unknown one.
[[nodiscard]] const Format* find_format(std::string_view name) noexcept;
/// The format whose clients post to this path; null for none.
[[nodiscard]] const Format* find_format_at(std::string_view inbound_path) noexcept;
[[nodiscard]] std::vector<std::string> format_names();

}  // namespace thalamus::wire
