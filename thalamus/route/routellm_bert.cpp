// RouteLLM's classifier (arXiv 2406.18665), CPU form: three classes {strong wins, tie, weak wins} by a logistic head
// on frozen features in place of a fine-tuned BERT. score(x) = 1 - (p_tie + p_weak wins) = p_strong wins; strong where
// score >= alpha. O(classes * dimensions). A pair is fixed at training: another one is a new fit.
#include "thalamus/route/pair.h"

namespace thalamus::route {
namespace {

struct RoutellmBertOptions {
  PairOptions pair;
  double margin = 0;
  double penalty = 1e-4;
  bool class_weights = true;
  bool split_ties = false;
  template <class Visitor>
  void fields(Visitor& visit) {
    pair.fields(visit);
    visit("margin", margin, base::Range<double>{0, 1}, "difference of qualities up to which two answers tie");
    visit("penalty", penalty, base::Range<double>{0, 100}, "of squared weights; 0 chooses it on held-out rows");
    visit("class_weights", class_weights, "each class counts alike, however rare");
    visit("split_ties", split_ties, "both right and both wrong are classes of their own");
  }
};

Result<std::unique_ptr<Router>> fit_routellm_bert(const TrainingSet& data, const base::OptionMap& values,
                                                  base::Rng& rng) {
  TRY(const auto options, base::parse_options<RoutellmBertOptions>(values));
  TRY(const Pair pair, choose_pair(data, options.pair.strong, options.pair.weak));
  const PairHeadPlan plan{.pair = pair,
                          .classes = options.split_ties ? std::size_t{4} : std::size_t{3},
                          .balanced = options.class_weights,
                          .penalty = options.penalty,
                          .strong_share = options.pair.strong_share};
  return fit_pair_head(
      data, plan,
      [&](double strong, double weak, std::span<double> target) {
        const std::size_t tie = options.split_ties && strong + weak < 1 ? 3 : 1;
        target[strong - weak > options.margin ? 0 : (weak - strong > options.margin ? 2 : tie)] = 1;
      },
      rng);
}

Result<std::unique_ptr<Router>> load_routellm_bert(base::ByteReader& in, const Shape& shape) {
  return load_pair_head(in, shape, "routellm_bert");
}

}  // namespace

MethodRecord routellm_bert_method() {
  return {.name = "routellm_bert",
          .help = "strong or weak model by a three-class head: strong wins, tie, weak wins",
          .source = "arXiv:2406.18665",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<RoutellmBertOptions>,
          .fit = &fit_routellm_bert,
          .load = &load_routellm_bert};
}

}  // namespace thalamus::route
