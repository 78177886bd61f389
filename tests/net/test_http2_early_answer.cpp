/// HTTP/2 requests answered before their end: their clients can read the answer while they still send, and cannot hold
/// the connection with it. The session is driven by hand, so that time is what the test says.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "http2_frames.h"
#include "thalamus/net/http2_server_session.h"
#include "thalamus/net/stream.h"

namespace thalamus::net {
namespace {

constexpr int kNoError = 0;
constexpr int kRefusedStream = 7;
constexpr std::size_t kPiece = 16'000;
constexpr std::size_t kBodyMax = 1'000'000;
constexpr std::string_view kAnswer = "too long";

Nanoseconds at_ms(std::int64_t ms) { return Nanoseconds::from_ms(ms); }

struct Rig {
  Rig() { limits.body_bytes_max = kBodyMax; }

  /// What the session says to `bytes`, once every request that was refused is answered.
  std::vector<Frame> say(std::string_view bytes) {
    EXPECT_TRUE(session.receive(bytes, now));
    return hear();
  }
  std::vector<Frame> hear() {
    std::string out;
    for (bool more = true; more;) {
      const auto events = session.take_events();
      for (const auto& stream : events.ready) {
        EXPECT_TRUE(session
                        .answer(*stream, stream->refusal->status, {}, "now", kAnswer.size(),
                                Http2ServerSession::AnswerBody::kFollows)
                        .has_value());
        stream->out = kAnswer;
        stream->out_ended = true;
      }
      const std::size_t before = out.size();
      session.produce(out, 1U << 20);
      more = out.size() > before;
    }
    return frames_of(out);
  }
  std::vector<Frame> at(Nanoseconds instant) {
    now = instant;
    session.expire(now);
    return hear();
  }
  /// Opens a request that is refused by its head.
  std::vector<Frame> open(std::uint32_t id, std::size_t length = kBodyMax + 1) {
    const std::string block = request_block("POST", "/", {{"content-length", std::to_string(length)}});
    return say(frame(kHeaders, kEndHeaders, id, block));
  }
  /// `size` bytes of a body, in pieces.
  std::vector<Frame> send(std::uint32_t id, std::size_t size) {
    std::vector<Frame> all;
    for (; size > 0; size -= std::min(size, kPiece))
      for (Frame& one : say(frame(kData, 0, id, std::string(std::min(size, kPiece), 'x')))) all.push_back(one);
    return all;
  }

  ServerLimits limits;
  Nanoseconds now = at_ms(1'000);
  Http2ServerSession session{limits, "peer", false, now};
};

std::uint32_t window_given(const std::vector<Frame>& frames, std::uint32_t stream) {
  std::uint32_t bytes = 0;
  for (const Frame& one : frames)
    if (one.type == kWindowUpdate && one.stream == stream) bytes += number_at(one.payload, 0);
  return bytes;
}

TEST(Http2EarlyAnswer, TheRestOfTheUploadIsTakenAndItsWindowsAreGivenBack) {
  Rig rig;
  rig.say(preface());
  const auto answered = rig.open(1);
  EXPECT_EQ(data_of(answered, 1), kAnswer);
  EXPECT_EQ(reset_code(answered, 1), -1);
  const auto frames = rig.send(1, kBodyMax);
  EXPECT_EQ(reset_code(frames, 1), -1);
  EXPECT_GT(window_given(frames, 1), kBodyMax / 2);
  EXPECT_EQ(rig.session.streams(), 1U);
  // The end of the request ends the stream.
  const auto last = rig.say(frame(kData, kEndStream, 1, "x"));
  EXPECT_EQ(reset_code(last, 1), -1);
  EXPECT_EQ(rig.session.streams(), 0U);
}

TEST(Http2EarlyAnswer, ABodyThatGrowsTooLongIsReadOnTheSameWay) {
  Rig rig;
  rig.say(preface() + frame(kHeaders, kEndHeaders, 1, request_block("POST", "/")));
  const auto frames = rig.send(1, kBodyMax * 5 / 2);
  EXPECT_EQ(data_of(frames, 1), kAnswer);
  EXPECT_EQ(reset_code(frames, 1), -1);
  EXPECT_GT(window_given(frames, 1), kBodyMax);
  EXPECT_GT(window_given(frames, 0), 0U);
}

TEST(Http2EarlyAnswer, ItsTimeIsATotal) {
  Rig rig;
  rig.say(preface());
  rig.open(1);
  const Nanoseconds end = at_ms(3'000);
  EXPECT_EQ(rig.session.deadline(), end);
  rig.now = at_ms(2'000);
  rig.send(1, 10);
  EXPECT_EQ(rig.session.deadline(), end) << "dripping stretches nothing";
  EXPECT_EQ(reset_code(rig.at(end - at_ms(1)), 1), -1);
  rig.session.expire(end);
  EXPECT_GT(rig.session.deadline(), end) << "the timer rests, even where nothing can be written";
  EXPECT_EQ(reset_code(rig.at(end), 1), kNoError);
  EXPECT_EQ(rig.session.streams(), 0U);
}

TEST(Http2EarlyAnswer, AllOfAConnectionTakeNoMoreThanTwoBodies) {
  Rig rig;
  rig.say(preface());
  rig.open(1);
  rig.open(3);
  EXPECT_EQ(reset_code(rig.send(1, kBodyMax), 1), -1);
  EXPECT_EQ(reset_code(rig.send(3, kBodyMax), 3), -1);
  EXPECT_EQ(reset_code(rig.send(3, 1), 3), kNoError);
  EXPECT_EQ(rig.session.streams(), 1U) << "the other one goes on";
  EXPECT_EQ(reset_code(rig.send(1, 1), 1), -1);
  // A stream that has ended gives back what it took.
  rig.say(frame(kData, kEndStream, 1, ""));
  rig.open(5, 3 * kBodyMax);
  EXPECT_EQ(reset_code(rig.send(5, 2 * kBodyMax), 5), -1);
  EXPECT_EQ(reset_code(rig.send(5, 1), 5), kNoError);
}

TEST(Http2EarlyAnswer, ItIsOneOfTheStreamsThatAConnectionMayHave) {
  Rig rig;
  rig.limits.streams_max = 2;
  Http2ServerSession few(rig.limits, "peer", false, rig.now);
  std::string out;
  const std::string block = request_block("POST", "/", {{"content-length", "1000001"}});
  std::string input = preface();
  for (const std::uint32_t id : {1U, 3U, 5U}) input += frame(kHeaders, kEndHeaders, id, block);
  EXPECT_TRUE(few.receive(input, rig.now));
  few.produce(out, 1U << 20);
  EXPECT_EQ(reset_code(frames_of(out), 5), kRefusedStream);
  EXPECT_EQ(few.streams(), 2U);
}

TEST(Http2EarlyAnswer, AStopWaitsForItAMomentOnly) {
  for (const bool stop_first : {false, true}) {
    Rig rig;
    rig.say(preface());
    if (!stop_first) rig.open(1);
    rig.session.begin_drain(rig.now);
    if (stop_first) rig.open(1);
    const auto frames = rig.say(frame(kPing, kAck, 0, "draining"));
    EXPECT_EQ(reset_code(frames, 1), -1);
    EXPECT_FALSE(rig.session.finished());
    EXPECT_EQ(reset_code(rig.at(rig.now + at_ms(200)), 1), kNoError) << stop_first;
    EXPECT_TRUE(rig.session.finished()) << stop_first;
  }
}

}  // namespace
}  // namespace thalamus::net
