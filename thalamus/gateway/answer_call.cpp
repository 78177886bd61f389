// An answer that is already there (an exact tool's), sent in the client's protocol, buffered or as a stream.
#include "thalamus/gateway/call.h"

namespace thalamus::gateway {
namespace {

class AnswerCall final : public Call {
 public:
  AnswerCall(const CallContext& context, core::Answer answer) : context_(context), answer_(std::move(answer)) {}

  net::Awaitable<Status> begin() override {
    facts_.status = 200;
    facts_.usage = answer_.usage;
    facts_.finish = answer_.finish;
    facts_.first_content = context_.clock.now();
    if (context_.keep_answer) facts_.answer = answer_.text;
    co_return Status{};
  }

  net::Awaitable<Status> deliver(net::Responder& responder, const net::Headers& headers) override {
    net::Headers all = headers;
    if (!context_.request.stream) {
      all.set("content-type", "application/json");
      const std::string body = context_.format.encode_answer(answer_, context_.body);
      Status sent = co_await responder.send(200, all, body);
      co_return sent;
    }
    all.set("content-type", "text/event-stream");
    all.set("cache-control", "no-cache");
    wire::StreamHead head;
    head.id = answer_.id;
    head.created_unix_s = answer_.created_unix_s;
    head.model = answer_.model;
    head.with_usage = context_.request.include_usage;
    head.input_tokens = answer_.usage.input;
    head.request = context_.body;
    const auto writer = context_.format.write_stream(std::move(head));
    std::string frames;
    writer->start(frames);
    append_pieces(*writer, frames);
    writer->end({.finish = answer_.finish, .usage = answer_.usage}, frames);
    Status started = co_await responder.start(200, all, frames);
    if (!started) co_return started;
    Status finished = co_await responder.finish();
    co_return finished;
  }

 private:
  // A frame a line, so that a client that renders deltas shows the working as it comes.
  void append_pieces(wire::StreamWriter& writer, std::string& frames) const {
    std::string_view rest = answer_.text;
    while (!rest.empty()) {
      const auto newline = rest.find('\n');
      const auto piece = newline == std::string_view::npos ? rest : rest.substr(0, newline + 1);
      core::Delta delta;
      delta.text = std::string(piece);
      writer.write(delta, frames);
      rest.remove_prefix(piece.size());
    }
  }

  CallContext context_;
  core::Answer answer_;
};

}  // namespace

std::unique_ptr<Call> make_answer_call(const CallContext& context, core::Answer answer) {
  return std::make_unique<AnswerCall>(context, std::move(answer));
}

}  // namespace thalamus::gateway
