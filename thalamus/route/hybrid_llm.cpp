// Hybrid-LLM (arXiv 2404.14618), CPU form: a logistic head on frozen features in place of DeBERTa predicts whether the
// small model is good enough. With gap H = q(S) - q(L) the label is 1[H >= 0] (det), sigmoid(H / width) (prob, the
// surrogate for Pr[q(S) >= q(L)] where each cell is one number), or sigmoid((H + t*) / width) (trans) with t* =
// argmax_t (1/N^2) sum_ij |y_i(t) - y_j(t)|. Small where p >= threshold, so score(x) = 1 - p. O(dimensions).
#include "thalamus/route/hybrid_llm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "thalamus/math/dense_net.h"
#include "thalamus/route/pair.h"

namespace thalamus::route {
namespace {

constexpr int kRelaxations = 100;  // steps of t in [0, 1]

struct HybridLlmOptions {
  PairOptions pair;
  std::string label = "trans";
  double width = 0.1;
  double penalty = 1e-4;
  double quality_drop = -1;
  template <class Visitor>
  void fields(Visitor& visit) {
    pair.fields(visit);
    visit("label", label, base::Choices{{"det", "prob", "trans"}}, "hard, soft, or soft with a relaxed gap");
    visit("width", width, base::Range<double>{0.001, 10}, "of the soft step from not good enough to good enough");
    visit("penalty", penalty, base::Range<double>{0, 100}, "of squared weights; 0 chooses it on held-out rows");
    visit("quality_drop", quality_drop, base::Range<double>{-1, 1},
          "most quality to give up against always strong, with as few strong calls as possible; below 0: best quality");
  }
};

Result<std::unique_ptr<Router>> fit_hybrid_llm(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<HybridLlmOptions>(values));
  TRY(const Pair pair, choose_pair(data, options.pair.strong, options.pair.weak));
  double relaxation = 0;
  if (options.label == "trans") {
    std::vector<double> gaps;
    for (std::size_t row = 0; row < data.rows; ++row)
      if (data.recorded(row, pair.strong) && data.recorded(row, pair.weak))
        gaps.push_back(static_cast<double>(data.quality_of(row, pair.weak) - data.quality_of(row, pair.strong)));
    relaxation = choose_relaxation(gaps, options.width);
  }
  const PairHeadPlan plan{.pair = pair,
                          .classes = 2,
                          .penalty = options.penalty,
                          .strong_share = options.pair.strong_share,
                          .quality_drop = options.quality_drop};
  return fit_pair_head(
      data, plan,
      [&](double strong, double weak, std::span<double> target) {
        const double gap = weak - strong;
        target[1] = options.label == "det" ? (gap >= 0 ? 1.0 : 0.0) : gap_label(gap, relaxation, options.width);
        target[0] = 1 - target[1];
      },
      rng);
}

Result<std::unique_ptr<Router>> load_hybrid_llm(base::ByteReader& in, const Shape& shape) {
  return load_pair_head(in, shape, "hybrid_llm");
}

}  // namespace

double gap_label(double gap, double relaxation, double width) noexcept {
  return math::sigmoid((gap + relaxation) / width);
}

double choose_relaxation(std::span<const double> gaps, double width) {
  double best = 0;
  double best_difference = -1;
  std::vector<double> labels(gaps.size());
  for (int step = 0; step <= kRelaxations; ++step) {
    const double relaxation = static_cast<double>(step) / kRelaxations;
    std::transform(gaps.begin(), gaps.end(), labels.begin(),
                   [&](double gap) { return gap_label(gap, relaxation, width); });
    const double difference = mean_pairwise_difference(labels);
    if (difference > best_difference + 1e-12) {
      best_difference = difference;
      best = relaxation;
    }
  }
  return best;
}

MethodRecord hybrid_llm_method() {
  return {.name = "hybrid_llm",
          .help = "small or large model by the predicted chance that the small one is good enough",
          .source = "arXiv:2404.14618",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<HybridLlmOptions>,
          .fit = &fit_hybrid_llm,
          .load = &load_hybrid_llm};
}

}  // namespace thalamus::route
