// Tool calls of a stream, brought into order.
#include "thalamus/wire/call_order.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "thalamus/wire/object_scan.h"

namespace thalamus::wire {
namespace {

class CallOrder final : public StreamWriter {
 public:
  explicit CallOrder(std::unique_ptr<StreamWriter> inner) : inner_(std::move(inner)) {}

  void start(std::string& out) override { inner_->start(out); }

  void write(const core::Delta& delta, std::string& out) override {
    const bool begins = delta.kind == core::DeltaKind::kToolCall;
    if (!begins && delta.kind != core::DeltaKind::kArguments) return inner_->write(delta, out);
    // What comes for a call that is whole is behind the end of its object.
    if (!begins && std::find(whole_.begin(), whole_.end(), delta.index) != whole_.end()) return;
    if (open_ && open_->index == delta.index) return pass(delta, out);
    if (open_ || !begins || is_waiting(delta.index)) return hold(delta, out);
    pass(delta, out);
  }

  void end(const StreamEnd& tail, std::string& out) override {
    open_.reset();
    while (release(out)) open_.reset();
    inner_->end(tail, out);
  }

  void fail(const base::Error& error, std::string& out) override { inner_->fail(error, out); }

 private:
  struct Open {
    std::uint32_t index = 0;
    ObjectScan scan = {};
  };
  // A call that waits, with its pieces in their order; it may not have begun.
  struct Waiting {
    std::uint32_t index = 0;
    std::optional<core::Delta> begin = {};
    std::string arguments = {};
  };

  auto find(std::uint32_t index) {
    return std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& call) { return call.index == index; });
  }
  bool is_waiting(std::uint32_t index) { return find(index) != waiting_.end(); }

  void hold(const core::Delta& delta, std::string& out) {
    auto call = find(delta.index);
    if (call == waiting_.end()) call = waiting_.insert(call, {.index = delta.index});
    if (delta.kind == core::DeltaKind::kToolCall) {
      call->begin = delta;
    } else {
      call->arguments += delta.text;
    }
    if (!open_) release(out);
  }

  void pass(const core::Delta& delta, std::string& out) {
    inner_->write(delta, out);
    if (delta.kind == core::DeltaKind::kToolCall) {
      std::erase(whole_, delta.index);
      open_ = Open{.index = delta.index};
    } else {
      open_->scan.feed(delta.text);
    }
    if (close_whole()) release(out);
  }

  bool close_whole() {
    if (!open_->scan.complete()) return false;
    whole_.push_back(open_->index);
    open_.reset();
    return true;
  }

  // The first waiting call that has begun, and those behind it as long as they are whole; false where there is none.
  bool release(std::string& out) {
    bool any = false;
    while (!open_) {
      const auto next =
          std::find_if(waiting_.begin(), waiting_.end(), [](const Waiting& call) { return call.begin.has_value(); });
      if (next == waiting_.end()) break;
      any = true;
      const Waiting call = std::move(*next);
      waiting_.erase(next);
      inner_->write(*call.begin, out);
      std::erase(whole_, call.index);
      open_ = Open{.index = call.index};
      if (call.arguments.empty()) continue;
      core::Delta arguments;
      arguments.kind = core::DeltaKind::kArguments;
      arguments.index = call.index;
      arguments.text = call.arguments;
      inner_->write(arguments, out);
      open_->scan.feed(call.arguments);
      close_whole();
    }
    return any;
  }

  std::unique_ptr<StreamWriter> inner_;
  std::optional<Open> open_;
  std::deque<Waiting> waiting_;
  std::vector<std::uint32_t> whole_;  // calls that are
};

}  // namespace

std::unique_ptr<StreamWriter> in_call_order(std::unique_ptr<StreamWriter> inner) {
  return std::make_unique<CallOrder>(std::move(inner));
}

}  // namespace thalamus::wire
