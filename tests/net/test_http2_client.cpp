/// The HTTP/2 client against servers written by hand: every way in which a server can go away or misbehave.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "http2_frames.h"
#include "rig.h"

namespace thalamus::net {
namespace {

constexpr std::uint32_t kNoError = 0;
constexpr std::uint32_t kInternalError = 2;
constexpr std::uint32_t kRefusedStream = 7;
constexpr std::uint32_t kCancel = 8;

std::string head(std::uint32_t stream, std::string_view status, std::uint8_t flags = 0) {
  return frame(kHeaders, static_cast<std::uint8_t>(kEndHeaders | flags), stream, field(":status", status));
}
std::string goaway(std::uint32_t last, std::uint32_t code) { return frame(kGoaway, 0, 0, number(last) + number(code)); }
std::string answer(std::uint32_t stream, std::string_view body) {
  return head(stream, "200") + frame(kData, kEndStream, stream, body);
}

/// A server of scripts: connection number i says `lines[i]` one after the other, each when a further request's head has
/// come; then it closes, or stays until the client leaves.
struct Script {
  struct Connection {
    std::vector<std::string> lines;
    bool close = true;
  };
  std::vector<Connection> connections;
  std::vector<std::vector<Frame>> seen;
};

std::size_t requests_in(const std::vector<Frame>& frames) {
  std::size_t count = 0;
  for (const Frame& one : frames) count += one.type == kHeaders ? 1 : 0;
  return count;
}

Awaitable<void> play(std::unique_ptr<Stream> stream, Script* script, std::size_t number_of) {
  const Script::Connection mine = script->connections[number_of];
  static_cast<void>(co_await write_text(*stream, frame(kSettings, 0, 0)));
  std::string all;
  std::array<char, 4096> piece{};
  std::size_t said = 0;
  while (said < mine.lines.size() || !mine.close) {
    const auto got = co_await stream->read_some(asio::buffer(piece), kNever);
    if (!got || *got == 0) break;
    all.append(piece.data(), *got);
    script->seen[number_of] = frames_of(std::string_view(all).substr(std::min<std::size_t>(24, all.size())));
    while (said < mine.lines.size() && requests_in(script->seen[number_of]) > said)
      static_cast<void>(co_await write_text(*stream, mine.lines[said++]));
  }
}

Awaitable<void> serve(MemoryListener* listener, Script* script) {
  const auto executor = co_await asio::this_coro::executor;
  script->seen.resize(script->connections.size());
  for (std::size_t i = 0; i < script->connections.size(); ++i) {
    auto stream = co_await listener->accept();
    if (!stream) co_return;
    asio::co_spawn(executor, play(std::move(*stream), script, i), asio::detached);
  }
}

struct Got {
  int status = 0;
  std::string body;
  Error error;
  bool failed = false;
};

struct ScriptRig : Rig {
  explicit ScriptRig(Script& script) {
    endpoint.version = HttpVersion::kHttp2;
    scripted = network.listen("upstream", 80).value();
    asio::co_spawn(context, net::serve(scripted.get(), &script), asio::detached);
  }
  void end() {
    scripted->close();
    client.clear();
    EXPECT_TRUE(run_dry(context));
  }
  std::unique_ptr<MemoryListener> scripted;
};

Awaitable<Got> call(Rig& rig, std::string body, CallLimits limits = {}, Cancellation* cancellation = nullptr) {
  Got got;
  HttpCall request;
  request.path = "/x";
  request.body = body;
  auto exchange = co_await rig.client.send(rig.endpoint, request, limits, cancellation);
  if (!exchange) {
    got.failed = true;
    got.error = exchange.error();
    co_return got;
  }
  got.status = (*exchange)->status();
  auto all = co_await (*exchange)->read_all(1U << 20);
  got.failed = !all.has_value();
  if (all) got.body = *all;
  if (!all) got.error = all.error();
  co_return got;
}

Got call_script(Script& script, CallLimits limits = {}) {
  ScriptRig rig(script);
  Got got = run(rig.context, call(rig, "body", limits));
  rig.end();
  return got;
}

TEST(Http2Client, WritesOrderlyHeadsWithoutConnectionFields) {
  Script script{{{{answer(1, "ok")}}}, {}};
  ScriptRig rig(script);
  rig.endpoint.base_path = "/v1";
  HttpCall request;
  request.path = "/chat?a";
  request.headers.add("Authorization", "Bearer secret");
  request.headers.add("Connection", "close");
  request.headers.add("Host", "elsewhere");
  request.headers.add("content-length", "77");
  request.headers.add("Transfer-Encoding", "chunked");
  request.headers.add("X-Mixed", " v ");
  const CallLimits limits;
  {
    auto exchange = run(rig.context, rig.client.send(rig.endpoint, request, limits, nullptr));
    ASSERT_TRUE(exchange.has_value()) << exchange.error().message;
    EXPECT_EQ(run(rig.context, (*exchange)->read_all(10)).value(), "ok");
  }
  rig.end();
  std::string block;
  for (const Frame& one : script.seen[0])
    if (one.type == kHeaders) block = one.payload;
  EXPECT_EQ(block.find("close"), std::string::npos);
  EXPECT_EQ(block.find("elsewhere"), std::string::npos);
  ASSERT_FALSE(block.empty());
  // A never-indexed literal (0001xxxx) with the name from the static table (authorization is number 23 = 15 + 8).
  EXPECT_NE(block.find(std::string("\x1f\x08", 2)), std::string::npos);
}

TEST(Http2Client, SendsAgainWhatTheServerDidNotTouch) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"goaway below", goaway(0, kNoError)},
      {"refused stream", frame(kReset, 0, 1, number(kRefusedStream))},
  };
  for (const auto& [name, first] : cases) {
    // After a refused stream the connection is good for another one.
    const bool same = name == "refused stream";
    Script script;
    if (same)
      script.connections = {{{first, answer(3, "ok")}, true}};
    else
      script.connections = {{{first}, true}, {{answer(1, "ok")}, true}};
    const Got got = call_script(script);
    EXPECT_EQ(got.body, "ok") << name << got.error.message;
  }
}

TEST(Http2Client, GivesUpWhenEveryAttemptIsRefused) {
  const std::string refuse = goaway(0, kNoError);
  Script script{{{{refuse}}, {{refuse}}, {{refuse}}, {{refuse}}, {{answer(1, "too late")}}}, {}};
  const Got got = call_script(script);
  EXPECT_EQ(got.error.kind, ErrorKind::kUpstream);
  EXPECT_EQ(script.seen[4].size(), 0U);
}

TEST(Http2Client, DoesNotRepeatWhatTheServerMayHaveDone) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"goaway at", goaway(1, kNoError)},
      {"internal error", frame(kReset, 0, 1, number(kInternalError))},
      {"cancel", frame(kReset, 0, 1, number(kCancel))},
      {"end", ""},
      {"half a head", std::string(answer(1, "ok")).substr(0, 12)},
      {"nonsense", "HTTP/1.1 400 Bad Request\r\n\r\n"},
      {"refused after the head", head(1, "200") + frame(kReset, 0, 1, number(kRefusedStream))},
      {"cut body", head(1, "200") + frame(kData, 0, 1, "o")},
      {"body shorter than its length",
       frame(kHeaders, kEndHeaders, 1, field(":status", "200") + field("content-length", "3")) +
           frame(kData, kEndStream, 1, "ok")},
      {"no status", frame(kHeaders, kEndHeaders | kEndStream, 1, field("a", "b"))},
      {"push", frame(5, kEndHeaders, 1, number(2) + request_block("GET", "/"))},
  };
  for (const auto& [name, line] : cases) {
    Script script{{{{line}}, {{answer(1, "again")}}}, {}};
    const Got got = call_script(script);
    EXPECT_TRUE(got.failed) << name << got.body;
    EXPECT_EQ(got.error.kind, ErrorKind::kUpstream) << name << got.error.message;
    EXPECT_TRUE(got.error.message.starts_with("upstream:80: ")) << got.error.message;
    EXPECT_EQ(script.seen[1].size(), 0U) << name;
  }
}

Awaitable<void> two_calls(Rig& rig, Got& first, Got& second) {
  first = co_await call(rig, "1");
  co_await pause_ms(1);
  second = co_await call(rig, "2");
}

TEST(Http2Client, ReplacesAConnectionThatEndedWhileIdle) {
  Script script{{{{answer(1, "one")}}, {{answer(1, "two")}}}, {}};
  ScriptRig rig(script);
  Got first;
  Got second;
  run(rig.context, two_calls(rig, first, second));
  EXPECT_EQ(first.body, "one");
  EXPECT_EQ(second.body, "two") << second.error.message;
  rig.end();
}

TEST(Http2Client, FinishesWhatRunsAndOpensAnewAfterAGoaway) {
  // The second connection says that no stream will follow, and answers the one that is open.
  Script script{
      {{{answer(1, "one") + goaway(1, kNoError)}, false}, {{goaway(0x7fffffff, kNoError) + answer(1, "two")}}}, {}};
  ScriptRig rig(script);
  Got first;
  Got second;
  run(rig.context, two_calls(rig, first, second));
  EXPECT_EQ(first.body, "one");
  EXPECT_EQ(second.body, "two") << second.error.message;
  EXPECT_EQ(rig.network.connections_made(), 2U);
  rig.end();
}

TEST(Http2Client, HoldsItsLimits) {
  CallLimits limits;
  limits.body_bytes_max = 4;
  Script body{{{{answer(1, "hello")}, false}}, {}};
  EXPECT_EQ(call_script(body, limits).error.kind, ErrorKind::kTooLarge);
  EXPECT_EQ(reset_code(body.seen[0], 1), static_cast<int>(kCancel));
  CallLimits narrow;
  narrow.head_bytes_max = 100;
  Script large{
      {{{frame(kHeaders, kEndHeaders, 1, field(":status", "200") + field("a", std::string(200, 'x')))}, false}}, {}};
  EXPECT_EQ(call_script(large, narrow).error.kind, ErrorKind::kTooLarge);
  std::string interim;
  for (int i = 0; i < 20; ++i) interim += head(1, "103");
  Script hints{{{{interim}, false}}, {}};
  EXPECT_EQ(call_script(hints).error.kind, ErrorKind::kUpstream);
  Script fine{{{{head(1, "103") + answer(1, "ok")}}}, {}};
  EXPECT_EQ(call_script(fine).body, "ok");
}

Awaitable<void> answer_late(const bool& slow, HttpRequest& request, Responder& responder) {
  while (slow && !responder.client_gone().cancelled()) co_await pause_ms(1);
  co_await echo(request, responder);
}

TEST(Http2Client, KeepsAConnectionThatIsSlowButAlive) {
  Rig rig;
  rig.endpoint.version = HttpVersion::kHttp2;
  bool slow = true;
  rig.handler = [&](HttpRequest& request, Responder& responder) { return answer_late(slow, request, responder); };
  rig.serve();
  CallLimits limits;
  limits.first_byte_timeout = Nanoseconds::from_ms(10);
  EXPECT_EQ(run(rig.context, call(rig, "", limits)).error.kind, ErrorKind::kTimeout);
  slow = false;
  run(rig.context, pause_ms(2));
  EXPECT_EQ(run(rig.context, call(rig, "")).body, "POST /x? ");
  EXPECT_EQ(rig.network.connections_made(), 1U) << "its answer to the ping came";
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(Http2Client, GivesUpOnSilenceAndLeavesASilentConnection) {
  CallLimits limits;
  limits.first_byte_timeout = Nanoseconds::from_ms(15);
  limits.idle_timeout = Nanoseconds::from_ms(15);
  for (const std::string& line : {std::string(), head(1, "200"), head(1, "200") + frame(kData, 0, 1, "hel")}) {
    Script script{{{{line}, false}}, {}};
    EXPECT_EQ(call_script(script, limits).error.kind, ErrorKind::kTimeout) << line.size();
    EXPECT_EQ(reset_code(script.seen[0], 1), static_cast<int>(kCancel)) << line.size();
  }
  Script script{{{{""}, false}, {{answer(1, "ok")}}}, {}};
  ScriptRig rig(script);
  EXPECT_EQ(run(rig.context, call(rig, "", limits)).error.kind, ErrorKind::kTimeout);
  EXPECT_EQ(run(rig.context, call(rig, "", limits)).body, "ok");
  EXPECT_EQ(rig.network.connections_made(), 2U);
  rig.end();
}

Awaitable<void> cancel_soon(Cancellation& cancellation) {
  co_await pause_ms(2);
  cancellation.cancel();
}

TEST(Http2Client, CancelsInEveryPhase) {
  for (const std::string& line : {std::string(), head(1, "200") + frame(kData, 0, 1, "hel")}) {
    Script script{{{{line, answer(3, "next")}, false}}, {}};
    ScriptRig rig(script);
    Cancellation cancellation;
    asio::co_spawn(rig.context, cancel_soon(cancellation), asio::detached);
    EXPECT_EQ(run(rig.context, call(rig, "", {}, &cancellation)).error.kind, ErrorKind::kCancelled);
    EXPECT_EQ(run(rig.context, call(rig, "")).body, "next");
    EXPECT_EQ(reset_code(script.seen[0], 1), static_cast<int>(kCancel));
    EXPECT_EQ(rig.network.connections_made(), 1U);
    rig.end();
  }
  Script script{{{{answer(1, "ok")}}}, {}};
  ScriptRig rig(script);
  rig.network.stall();
  Cancellation cancellation;
  asio::co_spawn(rig.context, cancel_soon(cancellation), asio::detached);
  EXPECT_EQ(run(rig.context, call(rig, "", {}, &cancellation)).error.kind, ErrorKind::kCancelled);
  rig.network.resume();
  rig.end();
}

TEST(Http2Client, AnAnswerMayComeBeforeTheRequestIsTaken) {
  Script script{{{{head(1, "413") + frame(kData, kEndStream, 1, "big")}, false}}, {}};
  ScriptRig rig(script);
  const Got got = run(rig.context, call(rig, std::string(500'000, 'x')));
  EXPECT_EQ(got.status, 413);
  EXPECT_EQ(got.body, "big");
  rig.end();
}

Awaitable<void> many_calls(Rig& rig, int count, int& left, std::vector<Got>& got) {
  const auto executor = co_await asio::this_coro::executor;
  const auto one = [](Rig& on, int& open, Got& into) -> Awaitable<void> {
    into = co_await call(on, "");
    --open;
  };
  for (int i = 0; i < count; ++i)
    asio::co_spawn(executor, one(rig, left, got[static_cast<std::size_t>(i)]), asio::detached);
  while (left > 0) co_await pause_ms(1);
}

TEST(Http2Client, ManyFirstCallsShareOneConnectionOrOneFailure) {
  Rig rig;
  rig.endpoint.version = HttpVersion::kHttp2;
  int left = 20;
  std::vector<Got> got(20);
  run(rig.context, many_calls(rig, 20, left, got));
  for (const Got& one : got) EXPECT_EQ(one.error.kind, ErrorKind::kUnavailable) << one.error.message;
  rig.serve();
  left = 20;
  run(rig.context, many_calls(rig, 20, left, got));
  for (const Got& one : got) EXPECT_EQ(one.body, "POST /x? ") << one.error.message;
  EXPECT_EQ(rig.network.connections_made(), 1U);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(Http2Client, FollowsNoRedirect) {
  const std::string block = field(":status", "307") + field("location", "http://elsewhere/x");
  Script script{{{{frame(kHeaders, kEndHeaders | kEndStream, 1, block)}, false}}, {}};
  EXPECT_EQ(call_script(script).status, 307);
  EXPECT_EQ(requests_in(script.seen[0]), 1U);
}

}  // namespace
}  // namespace thalamus::net
