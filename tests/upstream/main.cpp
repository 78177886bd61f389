// A scripted upstream: a server of every protocol without a model, whose behaviour the model's name commands. For fault
// and conformance tests and as the zero-latency end of the overhead benchmark. Usage: scripted-upstream PORT (0: any
// free one, printed). The path says the protocol: /v1/chat/completions, /v1/messages, /v1/responses, with or without
// "/v1".
//
//   ok               a short answer, buffered or in 3 pieces
//   ok-50            the same in 50 pieces
//   status-503       that status with the protocol's error body
//   status-429-later the same with Retry-After: 1
//   empty            no content
//   error-in-200     an error with status 200: the body, or the stream's first frame
//   garbage          200 and no JSON
//   cut-before       closes before the first content
//   cut-after        closes after some content
//   late-error       an error frame after some content
//   stall            never answers
//   silent           a stream begins and brings nothing
//   stall-after      some content, then silence
//   slow-200         answers after 200 ms
//   drip-50          30 pieces, 50 ms apart
//   echo             answers with the request body it got
//   echo-headers     answers with the header fields it got, a line each
//   usage-null       "usage":null on each frame
//   flaky-2          503 twice for the same text, then an answer
//   tools            two calls at once, then their result
//   reason           a signed thought, then text
//   refuse           a refusal
//   json             {"name":"Ada","age":36}
//   length           cut by its token limit
//   cached           usage of cached and written tokens
#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstdlib>

#include "script.h"
#include "thalamus/base/clock.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/net/http_server.h"
#include "thalamus/wire/embeddings.h"
#include "thalamus/wire/format.h"

namespace {

using namespace thalamus;
using upstream::Break;
using upstream::Script;
namespace asio = boost::asio;

constexpr std::chrono::hours kForever{1};
constexpr Nanoseconds kStopPatience = Nanoseconds::from_ms(250);

net::Headers typed(std::string_view type) {
  net::Headers headers;
  headers.add("content-type", type);
  return headers;
}

asio::awaitable<void> pause(std::chrono::steady_clock::duration span, net::Cancellation& gone) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  timer.expires_after(span);
  const auto watch = gone.add([&timer] { timer.cancel(); });
  auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  static_cast<void>(error);
  gone.remove(watch);
}

asio::awaitable<void> send(net::Responder& responder, int status, std::string body, int retry_after_s = -1) {
  net::Headers headers = typed("application/json");
  if (retry_after_s >= 0) headers.add("retry-after", fmt::format("{}", retry_after_s));
  Status sent = co_await responder.send(status, headers, body);
  static_cast<void>(sent);
}

std::string with_null_usage(std::string frames) {
  const std::string from = "\"choices\":";
  for (std::size_t at = frames.find(from); at != std::string::npos; at = frames.find(from, at + 30))
    frames.insert(at, "\"usage\":null,");
  return frames;
}

std::unique_ptr<wire::StreamWriter> writer_of(const wire::Format& format, const core::Request& request,
                                              const Script& script) {
  wire::StreamHead head;
  head.id = script.answer.id;
  head.created_unix_s = script.answer.created_unix_s;
  head.model = script.answer.model;
  head.with_usage = request.include_usage || script.fault == Break::kEmpty;
  head.input_tokens = script.answer.usage.input;
  return format.write_stream(std::move(head));
}

wire::StreamEnd end_of(const Script& script) { return {.finish = script.answer.finish, .usage = script.answer.usage}; }

/// A whole stream in one write, or as much of it as the fault leaves.
std::string frames_of(wire::StreamWriter& writer, const Script& script) {
  std::string frames;
  writer.start(frames);
  if (script.fault == Break::kCutBefore || script.fault == Break::kSilent) return frames;
  if (script.fault != Break::kEmpty)
    for (const core::Delta& delta : script.deltas) writer.write(delta, frames);
  const bool broken =
      script.fault == Break::kCutAfter || script.fault == Break::kStallAfter || script.fault == Break::kLateError;
  if (!broken) writer.end(end_of(script), frames);
  return script.fault == Break::kNullUsage ? with_null_usage(std::move(frames)) : frames;
}

/// Piece after piece, with pauses.
asio::awaitable<void> drip(net::Responder& responder, wire::StreamWriter& writer, const Script& script) {
  const net::Headers headers = typed("text/event-stream");
  std::string frames;
  writer.start(frames);
  Status sent = co_await responder.start(200, headers, frames);
  for (std::size_t i = 0; sent && i < script.deltas.size(); ++i) {
    co_await pause(script.between, responder.client_gone());
    if (responder.client_gone().cancelled()) co_return;
    frames.clear();
    writer.write(script.deltas[i], frames);
    sent = co_await responder.write(frames);
  }
  frames.clear();
  writer.end(end_of(script), frames);
  if (sent) sent = co_await responder.write(frames);
  if (sent) sent = co_await responder.finish();
}

asio::awaitable<void> stream(const wire::Format& format, const core::Request& request, const Script& script,
                             net::Responder& responder) {
  const auto writer = writer_of(format, request, script);
  if (script.between.count() > 0) {
    co_await drip(responder, *writer, script);
    co_return;
  }
  const bool failed = script.fault == Break::kErrorFirst;
  const std::string frames =
      failed ? format.encode_stream_error({ErrorKind::kUpstream, "scripted failure", {}}) : frames_of(*writer, script);
  const net::Headers headers = typed("text/event-stream");
  Status sent = co_await responder.start(200, headers, frames);
  if (!sent || script.fault == Break::kCutBefore || script.fault == Break::kCutAfter) co_return;
  if (script.fault == Break::kStallAfter || script.fault == Break::kSilent)
    co_await pause(kForever, responder.client_gone());
  if (script.fault == Break::kLateError) {
    const std::string late = format.encode_stream_error({ErrorKind::kUpstream, "late scripted failure", {}});
    sent = co_await responder.write(late);
  }
  if (sent) sent = co_await responder.finish();
}

std::string lines_of(const net::Headers& headers) {
  std::string out;
  headers.for_each(
      [&](std::string_view name, std::string_view value) { out.append(name).append(": ").append(value).append("\n"); });
  return out;
}

const wire::Format* format_at(const std::string& path) {
  const std::string plain = path.substr(0, path.find('?'));
  const wire::Format* found = wire::find_format_at(plain);
  return found != nullptr ? found : wire::find_format_at("/v1" + plain);
}

std::string error_body(const wire::Format& format, const Script& script) {
  const ErrorKind kind = script.status == 429 ? ErrorKind::kLimitExceeded : ErrorKind::kUpstream;
  const std::string message =
      script.message.empty() ? fmt::format("scripted status {}", script.status) : script.message;
  if (script.code.empty()) return format.encode_error({kind, message, {}});
  return fmt::format(R"({{"error":{{"message":"{}","type":"invalid_request_error","code":"{}"}}}})", message,
                     script.code);
}

/// A vector of three numbers for each input: its position, its length, one half.
asio::awaitable<void> send_vectors(const net::HttpRequest& http, net::Responder& responder) {
  const auto request = wire::decode_embeddings(http.body, {});
  if (!request) {
    co_await send(responder, 400, wire::find_format("openai")->encode_error(request.error()));
    co_return;
  }
  wire::EmbeddingsAnswer answer;
  answer.model = request->model;
  answer.usage = {.input = 7, .cached_input = 0, .output = 0, .reasoning = 0, .known = true};
  for (std::size_t i = 0; i < request->input_count(); ++i) {
    const std::size_t size = i < request->texts.size() ? request->texts[i].size() : request->tokens[i].size();
    answer.vectors.push_back({static_cast<float>(i), static_cast<float>(size), 0.5F});
  }
  std::string body = wire::encode_embeddings(answer, request->encoding);
  co_await send(responder, 200, std::move(body));
}

/// Requests whose clients went away, in the order in which it was seen.
struct Departure {
  std::string text;
  Nanoseconds at;
};
std::vector<Departure>& departures() {
  static std::vector<Departure> all;
  return all;
}

std::string departures_json() {
  base::JsonWriter out;
  out.begin_object().key("gone").begin_array();
  for (const Departure& departure : departures())
    out.begin_object().field("text", departure.text).field("at_ns", departure.at.value).end_object();
  out.end_array().end_object();
  return out.take();
}

/// Notes the departure of the client while it lives.
class Watch {
 public:
  Watch(net::Responder& responder, std::string text)
      : gone_(responder.client_gone()),
        id_(gone_.add([text = std::move(text)] { departures().push_back({text, base::SystemClock().now()}); })) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { gone_.remove(id_); }

 private:
  net::Cancellation& gone_;
  std::uint64_t id_;
};

asio::awaitable<void> answer_elsewhere(const net::HttpRequest& http, net::Responder& responder) {
  int status = 404;
  std::string body = "{}";
  if (http.path == "/health") status = 200;
  if (http.path == "/gone") {
    status = 200;
    body = departures_json();
  }
  co_await send(responder, status, std::move(body));
}

asio::awaitable<void> answer(net::HttpRequest& http, net::Responder& responder) {
  const wire::Format* format = format_at(http.path);
  if (format == nullptr) {
    co_await answer_elsewhere(http, responder);
    co_return;
  }
  if (format->embeddings()) {
    co_await send_vectors(http, responder);
    co_return;
  }
  auto request = format->decode(http.body, {});
  if (!request) {
    co_await send(responder, 400, format->encode_error(request.error()));
    co_return;
  }
  const Watch watch(responder, std::string(request->last_user_text()));
  const auto bearer = http.headers.get("authorization");
  const std::string told = request->model == "echo-headers" ? lines_of(http.headers) : http.body;
  Script script = upstream::script_of(*request, told, bearer ? *bearer : http.headers.get("x-api-key").value_or(""));
  if (format->name() == "responses") upstream::prove_as_responses(script);
  if (script.wait.count() > 0) co_await pause(script.wait, responder.client_gone());
  if (script.status != 200) {
    co_await send(responder, script.status, error_body(*format, script), script.retry_after_s);
  } else if (script.fault == Break::kStall) {
    co_await pause(kForever, responder.client_gone());
  } else if (script.fault == Break::kGarbage) {
    co_await send(responder, 200, "this is no JSON");
  } else if (request->stream) {
    co_await stream(*format, *request, script, responder);
  } else if (script.fault == Break::kErrorFirst) {
    const Error error{ErrorKind::kUpstream, "scripted failure", {}};
    std::string body = format->encode_error(error);
    co_await send(responder, 200, std::move(body));
  } else {
    if (script.fault == Break::kEmpty) script.answer.text.clear();
    co_await send(responder, 200, format->encode_answer(script.answer));
  }
}

/// Answers under way are finished where they are short; a script that stalls is cut.
asio::awaitable<void> stop(asio::io_context& context, net::Gate& gate) {
  gate.close();
  const bool empty = co_await net::wait_until_empty(gate, kStopPatience);
  static_cast<void>(empty);
  context.stop();
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
  auto listener = net::Listener::bind("127.0.0.1", port);
  if (!listener) {
    std::fprintf(stderr, "error: %s\n", listener.error().text().c_str());
    return 3;
  }
  asio::io_context context(1);
  auto acceptor = listener->acceptor(context);
  if (!acceptor) return 3;
  const net::ServerLimits limits;
  const net::Handler handler = answer;
  const net::ErrorBody error_body = [](int, std::string_view message, std::string_view) {
    return std::string(message);
  };
  const base::SystemClock clock;
  net::Gate gate;
  asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code&, int) {
    asio::co_spawn(context, stop(context, gate), asio::detached);
    signals.async_wait([&](const boost::system::error_code&, int) { context.stop(); });
  });
  asio::co_spawn(context, net::accept_loop(*acceptor, limits, handler, error_body, clock, gate), asio::detached);
  fmt::print("{}\n", listener->port());
  std::fflush(stdout);
  context.run();
  std::_Exit(0);
}
