// A scripted upstream: an OpenAI-compatible server without a model, whose behaviour the model's name commands. For
// fault tests and as the zero-latency end of the overhead benchmark. Usage: scripted-upstream PORT (0: any free one,
// printed).
//
//   ok            a short answer, buffered or in `chunks` pieces      ok-50         the same in 50 pieces
//   status-503    that status with an OpenAI error body               empty         no content
//   error-in-200  a stream whose first frame is an error              garbage       200 and no JSON
//   cut-before    closes before the first content                     cut-after     closes after some content
//   late-error    an error frame after some content                   stall         never answers
//   stall-after   some content, then silence                          slow-200      answers after 200 ms
//   echo          answers with the request body it got                usage-null    "usage":null on each frame
#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "thalamus/base/clock.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/net/http_server.h"
#include "thalamus/wire/format.h"

namespace {

using namespace thalamus;
namespace asio = boost::asio;

constexpr std::chrono::hours kForever{1};

net::Headers typed(std::string_view type) {
  net::Headers headers;
  headers.add("content-type", type);
  return headers;
}

core::Answer make_answer(const core::Request& request) {
  core::Answer answer;
  answer.id = "scripted";
  answer.created_unix_s = 1'700'000'000;
  answer.model = request.model;
  answer.text = "The scripted answer.";
  answer.usage = {.input = 11, .cached_input = 3, .output = 5, .reasoning = 0, .known = true};
  return answer;
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

asio::awaitable<void> send(net::Responder& responder, int status, std::string type, std::string body) {
  const net::Headers headers = typed(type);
  Status sent = co_await responder.send(status, headers, body);
  static_cast<void>(sent);
}

int number_after(std::string_view name, std::string_view prefix, int fallback) {
  if (!name.starts_with(prefix)) return fallback;
  int value = fallback;
  std::from_chars(name.data() + prefix.size(), name.data() + name.size(), value);
  return value;
}

/// Pieces of a stream with content, `chunks` of them.
std::string content_frames(wire::StreamWriter& writer, int chunks) {
  std::string frames;
  for (int i = 0; i < chunks; ++i) {
    core::Delta delta;
    delta.text = fmt::format("piece {} ", i);
    writer.write(delta, frames);
  }
  return frames;
}

std::string with_null_usage(std::string frames) {
  const std::string from = "\"choices\":";
  for (std::size_t at = frames.find(from); at != std::string::npos; at = frames.find(from, at + 30))
    frames.insert(at, "\"usage\":null,");
  return frames;
}

asio::awaitable<void> stream(const wire::Format& format, const core::Request& request, net::Responder& responder) {
  const core::Answer answer = make_answer(request);
  const std::string& command = request.model;
  const net::Headers headers = typed("text/event-stream");
  wire::StreamHead stream_head;
  stream_head.id = answer.id;
  stream_head.created_unix_s = answer.created_unix_s;
  stream_head.model = answer.model;
  stream_head.with_usage = request.include_usage || command == "empty";
  const auto writer = format.write_stream(std::move(stream_head));
  const wire::StreamEnd tail{.finish = core::Finish::kStop, .stop_sequence = {}, .usage = answer.usage};
  std::string head;
  writer->start(head);
  if (command == "error-in-200") {
    const std::string frame = format.encode_stream_error({ErrorKind::kUpstream, "scripted failure", {}});
    Status started = co_await responder.start(200, headers, frame);
    if (started) started = co_await responder.finish();
    co_return;
  }
  if (command == "cut-before" || command == "empty") {
    std::string frames = head;
    if (command == "empty") writer->end(tail, frames);
    Status started = co_await responder.start(200, headers, frames);
    if (started && command == "empty") started = co_await responder.finish();
    co_return;
  }
  const int chunks = number_after(command, "ok-", 3);
  std::string frames = head + content_frames(*writer, chunks);
  const bool cut = command == "cut-after" || command == "stall-after" || command == "late-error";
  if (!cut) writer->end(tail, frames);
  if (command == "usage-null") frames = with_null_usage(std::move(frames));
  Status started = co_await responder.start(200, headers, frames);
  if (!started || command == "cut-after") co_return;
  if (command == "stall-after") co_await pause(kForever, responder.client_gone());
  if (command == "late-error") {
    const std::string late = format.encode_stream_error({ErrorKind::kUpstream, "late scripted failure", {}});
    started = co_await responder.write(late);
  }
  if (started) started = co_await responder.finish();
}

asio::awaitable<void> answer(net::HttpRequest& http, net::Responder& responder) {
  const wire::Format& format = *wire::find_format("openai");
  if (http.path == "/health") {
    co_await send(responder, 200, "application/json", "{}");
    co_return;
  }
  auto request = format.decode(http.body, {});
  if (!request) {
    co_await send(responder, 400, "application/json", format.encode_error(request.error()));
    co_return;
  }
  const std::string command = request->model;
  if (const int status = number_after(command, "status-", 0); status != 0) {
    co_await send(responder, status, "application/json",
                  fmt::format(R"({{"error":{{"message":"scripted status {}","type":"server_error"}}}})", status));
  } else if (command == "stall") {
    co_await pause(kForever, responder.client_gone());
  } else if (command == "garbage") {
    co_await send(responder, 200, "application/json", "this is no JSON");
  } else if (command == "echo") {
    core::Answer echo = make_answer(*request);
    echo.text = http.body;
    co_await send(responder, 200, "application/json", format.encode_answer(echo));
  } else {
    if (const int wait = number_after(command, "slow-", 0); wait > 0)
      co_await pause(std::chrono::milliseconds(wait), responder.client_gone());
    if (request->stream) {
      co_await stream(format, *request, responder);
    } else {
      core::Answer whole = make_answer(*request);
      if (command == "empty") whole.text.clear();
      co_await send(responder, 200, "application/json", format.encode_answer(whole));
    }
  }
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
  const net::ErrorBody error_body = [](int, std::string_view message) { return std::string(message); };
  const base::SystemClock clock;
  net::Gate gate;
  asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code&, int) { context.stop(); });
  asio::co_spawn(context, net::accept_loop(*acceptor, limits, handler, error_body, clock, gate), asio::detached);
  fmt::print("{}\n", listener->port());
  std::fflush(stdout);
  context.run();
  std::_Exit(0);
}
