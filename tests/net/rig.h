/// What the tests of `net` share: an event loop that cannot hang, and a server over the in-memory transport.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "thalamus/base/clock.h"
#include "thalamus/net/http_client.h"
#include "thalamus/net/http_server.h"
#include "thalamus/net/memory.h"

namespace thalamus::net {

inline constexpr auto kLoopPatience = std::chrono::seconds(10);

/// Runs the loop until the coroutine is through.
template <class T>
T run(asio::io_context& context, Awaitable<T> work) {
  std::optional<T> outcome;
  std::exception_ptr thrown;
  bool done = false;
  asio::co_spawn(context, std::move(work), [&](std::exception_ptr error, T value) {
    thrown = error;
    outcome.emplace(std::move(value));
    done = true;
  });
  const auto give_up = std::chrono::steady_clock::now() + kLoopPatience;
  context.restart();
  while (!done && std::chrono::steady_clock::now() < give_up) context.run_one_for(std::chrono::milliseconds(100));
  if (thrown) std::rethrow_exception(thrown);
  if (!done) throw std::runtime_error("the coroutine hangs");
  return std::move(*outcome);
}
inline void run(asio::io_context& context, Awaitable<void> work) {
  std::exception_ptr thrown;
  bool done = false;
  asio::co_spawn(context, std::move(work), [&](std::exception_ptr error) {
    thrown = error;
    done = true;
  });
  const auto give_up = std::chrono::steady_clock::now() + kLoopPatience;
  context.restart();
  while (!done && std::chrono::steady_clock::now() < give_up) context.run_one_for(std::chrono::milliseconds(100));
  if (thrown) std::rethrow_exception(thrown);
  if (!done) throw std::runtime_error("the coroutine hangs");
}
/// Runs until nothing is left to do; false if something never ends.
inline bool run_dry(asio::io_context& context) {
  context.restart();
  const auto give_up = std::chrono::steady_clock::now() + kLoopPatience;
  while (std::chrono::steady_clock::now() < give_up) {
    if (context.run_one_for(std::chrono::milliseconds(100)) == 0 && context.stopped()) return true;
  }
  return false;
}

inline Awaitable<void> pause_ms(int ms) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(ms));
  co_await timer.async_wait(asio::use_awaitable);
}

inline Awaitable<Status> write_text(Stream& stream, std::string_view text) {
  const std::array<asio::const_buffer, 1> buffers{asio::buffer(text)};
  co_return co_await stream.write(buffers, kNever);
}
/// Everything until the end or a failure.
inline Awaitable<std::string> read_to_end(Stream& stream) {
  std::string all;
  std::array<char, 4096> piece{};
  for (;;) {
    const auto got = co_await stream.read_some(asio::buffer(piece), kNever);
    if (!got || *got == 0) co_return all;
    all.append(piece.data(), *got);
  }
}
/// Until `end` was read, or everything.
inline Awaitable<std::string> read_until(Stream& stream, std::string_view end) {
  std::string all;
  std::array<char, 1> piece{};
  while (!all.ends_with(end)) {
    const auto got = co_await stream.read_some(asio::buffer(piece), kNever);
    if (!got || *got == 0) break;
    all.append(piece.data(), *got);
  }
  co_return all;
}

/// "method path?query body", or what the path asks for.
inline Awaitable<void> echo(HttpRequest& request, Responder& responder) {
  Headers headers;
  headers.add("Content-Type", "text/plain");
  if (request.path == "/stream") {
    static_cast<void>(co_await responder.start(200, headers, "one,"));
    static_cast<void>(co_await responder.write("two,"));
    static_cast<void>(co_await responder.write(""));
    static_cast<void>(co_await responder.write(request.body));
    static_cast<void>(co_await responder.finish());
    co_return;
  }
  const std::string text = request.method + " " + request.path + "?" + request.query + " " + request.body;
  static_cast<void>(co_await responder.send(200, headers, text));
}
inline std::string error_body_of_tests(int status, std::string_view message, std::string_view) {
  return fmt::format("{{\"status\":{},\"message\":\"{}\"}}", status, message);
}

/// Time goes on, the calendar stands still: answers with a Date compare equal.
class SameDayClock final : public base::Clock {
 public:
  [[nodiscard]] Nanoseconds now() const noexcept override { return clock_.now(); }
  [[nodiscard]] std::int64_t unix_ns() const noexcept override { return 1'700'000'000'000'000'000; }

 private:
  base::SystemClock clock_;
};

struct Rig {
  SameDayClock clock;
  asio::io_context context{1};
  MemoryNetwork network{context.get_executor(), clock};
  ServerLimits limits;
  Handler handler = echo;
  ErrorBody error_body = error_body_of_tests;
  Gate gate;
  HttpClient client{network, clock};
  std::unique_ptr<MemoryListener> listener;
  Endpoint endpoint;

  Rig() {
    endpoint.host = "upstream";
    endpoint.port = 80;
  }

  /// Listens on `endpoint` and serves.
  void serve() {
    listener = network.listen(endpoint.host, endpoint.port).value();
    asio::co_spawn(context, accept_loop(*listener, limits, handler, error_body, clock, gate), asio::detached);
  }
  /// One served connection: the client's end.
  std::unique_ptr<Stream> connect() {
    MemoryPair pair = network.pair();
    asio::co_spawn(context, serve_connection(std::move(pair.server), limits, handler, error_body, clock, gate),
                   asio::detached);
    return std::move(pair.client);
  }
  /// Sends `input`, says that no more comes, and gives all that came back.
  std::string talk(std::string_view input) {
    const auto stream = connect();
    return run(context, talk_over(*stream, input));
  }
  static Awaitable<std::string> talk_over(Stream& stream, std::string_view input) {
    static_cast<void>(co_await write_text(stream, input));
    stream.finish_writing();
    co_return co_await read_to_end(stream);
  }
  void stop() {
    if (listener) listener->close();
    client.clear();
    gate.close();
  }
};

/// "HTTP/1.1 404 ..." -> 404; 0 for anything else.
inline int status_of(std::string_view answer) {
  if (!answer.starts_with("HTTP/1.1 ") || answer.size() < 12) return 0;
  return std::atoi(std::string(answer.substr(9, 3)).c_str());
}

}  // namespace thalamus::net
