// Linear value estimator on the words of the request: quality_m(x) = bias_m + w_m . tfidf(x), least squares with an L2
// penalty on all words, none projected away; all models share the penalty (the linear CARROT form, arXiv
// 2502.03261, on sparse features). O(distinct tokens * models).
#include <algorithm>
#include <cmath>

#include "thalamus/route/router.h"
#include "thalamus/route/table.h"
#include "thalamus/route/token_space.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kParametersMax = 1U << 21;
constexpr std::size_t kRowsMax = 100'000;

struct TokenRidgeOptions {
  std::int64_t words = 65536;
  double penalty = 10;
  std::int64_t iterations = 40;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("words", words, base::Range<std::int64_t>{64, kVocabularyMax}, "vocabulary at most, the frequent ones");
    visit("penalty", penalty, base::Range<double>{1e-6, 1e6}, "of squared weights");
    visit("iterations", iterations, base::Range<std::int64_t>{1, 1000}, "of the fit");
  }
};

class TokenRidge final : public Router {
 public:
  TokenRidge(TokenSpace space, math::SparseLinear linear, std::vector<float> sd)
      : space_(std::move(space)), linear_(std::move(linear)), sd_(std::move(sd)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::span<const std::uint64_t> tokens =
        request.description == nullptr ? std::span<const std::uint64_t>{} : request.description->tokens;
    space_.transform(tokens, scratch);
    const std::span<double> out(scratch.sums.data(), quality.size());
    linear_.apply(scratch.words, scratch.word_values, out);
    for (std::size_t m = 0; m < quality.size(); ++m) {
      quality[m] = static_cast<float>(out[m]);
      sd[m] = sd_[m];
    }
  }

  void prepare(Scratch& scratch) const override { space_.prepare(scratch); }

  void save(base::ByteWriter& out) const override {
    space_.save(out);
    linear_.save(out);
    out.put_array(sd_);
  }

 private:
  TokenSpace space_;
  math::SparseLinear linear_;
  std::vector<float> sd_;
};

Result<std::unique_ptr<Router>> fit_token_ridge(const TrainingSet& data, const base::OptionMap& values,
                                                base::Rng& rng) {
  TRY(const auto options, base::parse_options<TokenRidgeOptions>(values));
  const std::size_t models = data.models.size();
  const std::size_t words =
      std::min(static_cast<std::size_t>(options.words), std::max<std::size_t>(64, kParametersMax / models));
  TokenSpace space(data, words);
  const auto positions = sample_rows(data.rows, kRowsMax, rng);
  std::vector<float> quality;
  quality.reserve(positions.size() * models);
  for (const std::uint32_t row : positions)
    for (std::size_t m = 0; m < models; ++m) quality.push_back(data.quality_of(row, m));
  const TokenRows rows = space.rows(data, positions);
  auto linear = math::fit_regression(
      rows.view(space.words()), quality, models,
      {.penalty = options.penalty, .iterations_max = static_cast<std::size_t>(options.iterations)});
  const ModelMeans means = model_means(data);
  std::vector<float> sd;
  for (std::size_t m = 0; m < models; ++m) {
    if (means.count[m] == 0) linear.bias[m] = static_cast<float>(means.mean[m]);
    // As many outcomes as share a word with a request, on average: a tenth of the rows.
    sd.push_back(static_cast<float>(probability_sd(means.mean[m], means.count[m] / 10)));
  }
  return std::make_unique<TokenRidge>(std::move(space), std::move(linear), std::move(sd));
}

Result<std::unique_ptr<Router>> load_token_ridge(base::ByteReader& in, const Shape& shape) {
  TRY(auto space, TokenSpace::load(in, "token_ridge"));
  TRY(auto linear, math::SparseLinear::load(in, space.words(), shape.models));
  TRY(auto sd, load_finite(in, shape.models, "token_ridge"));
  return std::make_unique<TokenRidge>(std::move(space), std::move(linear), std::move(sd));
}

}  // namespace

MethodRecord token_ridge_method() {
  return {.name = "token_ridge",
          .help = "linear regression of each model's quality on all words of the request",
          .source = "arXiv:2502.03261",
          .latency_class_us = 10,
          .needs = {.dense = false, .either = false, .tokens = true},
          .options = &base::list_options<TokenRidgeOptions>,
          .fit = &fit_token_ridge,
          .load = &load_token_ridge};
}

}  // namespace thalamus::route
