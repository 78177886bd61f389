// The plain fallback along the plan: one call at a time, in the order of the plan. A failure before the first content
// moves to the next target if another target may do better; after the first content it is the turn's end. O(1) a step.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "thalamus/compose/strategy.h"

namespace thalamus::compose {
namespace {

struct InOrderOptions {
  std::int64_t attempts_max = 8;

  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("attempts_max", attempts_max, Whole{1, static_cast<std::int64_t>(core::kTargetsMax)},
          "calls of one turn at most, the first included");
  }
};

class InOrder final : public Strategy {
 public:
  InOrder(const core::Plan& plan, const InOrderOptions& options)
      : order_(plan.order), size_(std::min(plan.size, static_cast<std::size_t>(options.attempts_max))) {}

  [[nodiscard]] Step next(const Event& event) noexcept override {
    if (phase_ == Phase::kOver) return end_;
    switch (event.kind) {
      case EventKind::kStart: return phase_ == Phase::kIdle ? start() : Step{};
      case EventKind::kContinue: return after_step();
      case EventKind::kClientGone: return client_gone();
      case EventKind::kTimer: return {};
      case EventKind::kContent: return is_current(event) && phase_ == Phase::kCalling ? commit() : Step{};
      case EventKind::kCompleted: return is_current(event) ? completed() : Step{};
      case EventKind::kFailed: return is_current(event) ? failed(event) : Step{};
    }
    return {};
  }

 private:
  enum class Phase : std::uint8_t {
    kIdle,
    kCalling,    ///< the current call has shown nothing yet
    kCommitted,  ///< its bytes go to the client
    kAnswered,   ///< committed and complete: over with the next event
    kGone,       ///< the client left: over once the cancellation is carried out
    kOver,
  };

  // Call ids are positions in the plan, so an event of an earlier call is told from one of the current.
  [[nodiscard]] bool is_current(const Event& event) const noexcept {
    return event.call == attempt_ && (phase_ == Phase::kCalling || phase_ == Phase::kCommitted);
  }

  Step start() noexcept { return size_ == 0 ? fail_turn(base::ErrorKind::kInfeasible) : call(); }

  Step call() noexcept {
    phase_ = Phase::kCalling;
    Step step;
    step.kind = StepKind::kCall;
    step.call = attempt_;
    step.target = order_[attempt_];
    return step;
  }

  Step commit() noexcept {
    phase_ = Phase::kCommitted;
    return about_current(StepKind::kCommit);
  }

  // An answer without any content is an answer still: it is committed before the turn ends.
  Step completed() noexcept {
    if (phase_ == Phase::kCommitted) return finish();
    phase_ = Phase::kAnswered;
    return about_current(StepKind::kCommit);
  }

  Step failed(const Event& event) noexcept {
    const bool last = attempt_ + 1 >= size_;
    if (phase_ == Phase::kCommitted || !event.retryable || last) return fail_turn(event.failure);
    ++attempt_;
    return call();
  }

  Step client_gone() noexcept {
    if (phase_ == Phase::kCalling || phase_ == Phase::kCommitted) {
      phase_ = Phase::kGone;
      return about_current(StepKind::kCancel);
    }
    return phase_ == Phase::kAnswered ? finish() : fail_turn(base::ErrorKind::kCancelled);
  }

  Step after_step() noexcept {
    if (phase_ == Phase::kAnswered) return finish();
    return phase_ == Phase::kGone ? fail_turn(base::ErrorKind::kCancelled) : Step{};
  }

  [[nodiscard]] Step about_current(StepKind kind) const noexcept {
    Step step;
    step.kind = kind;
    step.call = attempt_;
    step.target = order_[attempt_];
    return step;
  }

  Step finish() noexcept {
    end_.kind = StepKind::kDone;
    phase_ = Phase::kOver;
    return end_;
  }

  Step fail_turn(base::ErrorKind kind) noexcept {
    end_.failure = kind;
    end_.failed = true;
    return finish();
  }

  std::array<std::uint16_t, core::kTargetsMax> order_;
  std::size_t size_;
  CallId attempt_ = 0;
  Phase phase_ = Phase::kIdle;
  Step end_;
};

Result<std::unique_ptr<Strategy>> make(const core::Plan& plan, const base::OptionMap& values) {
  TRY(const auto options, base::parse_options<InOrderOptions>(values));
  return std::make_unique<InOrder>(plan, options);
}

}  // namespace

StrategyRecord in_order_record() noexcept {
  return {"in_order", "the plan's targets one after the other until one answers",
          "fallback along a ranked list, the common practice of gateways", base::list_options<InOrderOptions>, make};
}

}  // namespace thalamus::compose
