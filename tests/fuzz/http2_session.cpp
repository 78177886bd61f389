/// Whatever the bytes on an HTTP/2 connection, whole and cut into pieces: no crash, limits held, every request handed
/// over at most once, no frames without end. The first byte sets the cut. (The requests may differ between the two:
/// what is answered between pieces makes room for streams that would be refused.)
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "thalamus/net/http2_server_session.h"

namespace {

using namespace thalamus;
using namespace thalamus::net;

constexpr std::string_view kAnswer = "a body of a few bytes";

ServerLimits small_limits() {
  ServerLimits limits;
  limits.head_bytes_max = 2'048;
  limits.headers_max = 16;
  limits.body_bytes_max = 4'096;
  limits.streams_max = 8;
  return limits;
}

/// Answers what is ready, some at once and some in two parts.
void answer_all(Http2ServerSession& session, const ServerLimits& limits, std::map<std::int32_t, int>& answers) {
  const auto events = session.take_events();
  for (const auto& stream : events.ready) {
    if (++answers[stream->id] > 1) std::abort();
    const HttpRequest& request = stream->request;
    if (request.body.size() > limits.body_bytes_max || request.headers.size() > limits.headers_max) std::abort();
    const bool bad_target = !stream->refusal && !request.path.starts_with('/') && request.path != "*";
    if (bad_target || (!stream->refusal && !is_token(request.method))) std::abort();
    request.headers.for_each([](std::string_view name, std::string_view value) {
      if (!is_token(name) || !is_field_value(value)) std::abort();
    });
    if (stream->closed) continue;
    Headers headers;
    headers.add("Content-Type", "text/plain");
    const Status begun =
        session.answer(*stream, 200, headers, "today", kAnswer.size(), Http2ServerSession::AnswerBody::kFollows);
    if (!begun) continue;
    stream->out = kAnswer;
    stream->out_ended = stream->id % 4 == 1;
  }
  for (const auto& stream : events.progressed) {
    if (stream->closed || stream->out_ended || !stream->out.empty()) continue;
    stream->out_ended = true;
    session.resume(*stream);
  }
}

void run(std::string_view input, std::size_t step) {
  const ServerLimits limits = small_limits();
  constexpr Nanoseconds kNow{1};
  Http2ServerSession session(limits, "127.0.0.1:1", true, kNow);
  std::string out;
  std::map<std::int32_t, int> answers;
  bool receiving = true;
  for (std::size_t at = 0; at < input.size() && receiving; at += step) {
    receiving = session.receive(input.substr(at, step), kNow);
    answer_all(session, limits, answers);
    // Frames out may bring events that bring frames; a session without end would be found here.
    for (int turn = 0; turn < 64; ++turn) {
      out.clear();
      session.produce(out, 4'096);
      answer_all(session, limits, answers);
      if (out.empty()) break;
    }
    if (session.streams() > limits.streams_max) std::abort();
  }
  session.begin_drain(kNow);
  session.expire(Nanoseconds::from_ms(1'000'000));
  out.clear();
  session.produce(out, 65'536);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // Inputs need not spell the preface.
  std::string input(kHttp2Preface);
  input.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = 1 + data[0] % 64;
  run(input, input.size());
  run(input, step);
  return 0;
}
