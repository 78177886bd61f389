// RouteLLM's similarity-weighted ranking (arXiv 2406.18665): for each request a Bradley-Terry model over tiers of
// models, fitted on recorded battles weighted by w_i = 10 * 10^(s_i / max s), s the cosine to the battle's prompt;
// P(strong) = sigmoid(c_strong - c_weak). Newton form: with tiers fixed the gradient needs only the sum of weights of
// each ordered pair of tiers, so a request costs one pass over the stored prompts, O(prompts * dimensions), and a few
// Newton steps on at most kTiersMax variables from the global solution. Battles come from the table: pairs of models
// with different quality, at most `battles` a prompt. Simplified: at most kPromptsMax prompts are stored.
#include <algorithm>
#include <array>
#include <cmath>

#include "thalamus/math/bradley_terry.h"
#include "thalamus/math/kernels.h"
#include "thalamus/route/net_parts.h"
#include "thalamus/route/pair.h"
#include "thalamus/route/pool.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kPromptsMax = 5000;
constexpr std::size_t kTiersMax = 32;
constexpr std::size_t kJudgedMax = 1000;  // stored prompts that alpha rests on, each scored without itself
constexpr std::size_t kNobody = SIZE_MAX;
constexpr float kPromptBytesMin = 16;
constexpr double kTieBreak = 1e-3;  // of the mean quality, between models of one tier

struct RoutellmSwOptions {
  PairOptions pair;
  std::int64_t tiers = 10;
  std::int64_t battles = 5;
  bool ties = false;
  template <class Visitor>
  void fields(Visitor& visit) {
    pair.fields(visit);
    visit("tiers", tiers, base::Range<std::int64_t>{2, static_cast<std::int64_t>(kTiersMax)},
          "groups of models with about equal rating");
    visit("battles", battles, base::Range<std::int64_t>{1, 1000}, "pairs of models taken from one prompt at most");
    visit("ties", ties, "equal qualities count as half a win each way");
  }
};

struct Battle {
  std::uint32_t winner = 0;
  std::uint32_t loser = 0;
  float weight = 1;
};

/// Battles in prompts, between models first and between tiers later.
struct Battles {
  std::vector<std::uint64_t> offsets{0};  // prompts + 1
  std::vector<Battle> list;
  std::vector<std::uint32_t> rows;  // of the set, of each prompt

  [[nodiscard]] std::span<const Battle> of(std::size_t prompt) const noexcept {
    return {list.data() + offsets[prompt], static_cast<std::size_t>(offsets[prompt + 1] - offsets[prompt])};
  }
};

Battles make_battles(const TrainingSet& set, const RoutellmSwOptions& options, base::Rng& rng) {
  Battles result;
  std::vector<Battle> row_battles;
  for (std::uint32_t row = 0; row < set.rows; ++row) {
    if (set.text_bytes[row] < kPromptBytesMin) continue;
    row_battles.clear();
    for (std::uint32_t a = 0; a < set.models.size(); ++a) {
      for (std::uint32_t b = a + 1; b < set.models.size(); ++b) {
        if (!set.recorded(row, a) || !set.recorded(row, b)) continue;
        const float difference = set.quality_of(row, a) - set.quality_of(row, b);
        if (difference == 0 && !options.ties) continue;
        row_battles.push_back(difference >= 0 ? Battle{a, b, 1} : Battle{b, a, 1});
        if (difference == 0) row_battles.back().weight = -1;  // a tie, told apart below
      }
    }
    rng.shuffle(row_battles);
    row_battles.resize(std::min(row_battles.size(), static_cast<std::size_t>(options.battles)));
    if (row_battles.empty()) continue;
    for (const Battle& battle : row_battles) {
      if (battle.weight > 0) {
        result.list.push_back(battle);
      } else {
        result.list.push_back({battle.winner, battle.loser, 0.5F});
        result.list.push_back({battle.loser, battle.winner, 0.5F});
      }
    }
    result.rows.push_back(row);
    result.offsets.push_back(result.list.size());
  }
  return result;
}

std::vector<double> strengths_of(const Battles& battles, std::size_t players) {
  std::vector<double> wins(players * players, 0.0);
  for (const Battle& battle : battles.list)
    wins[battle.winner * players + battle.loser] += static_cast<double>(battle.weight);
  std::vector<double> strengths(players, 0.0);
  std::vector<double> workspace(math::bradley_terry_workspace(players));
  math::fit_bradley_terry(wins, math::kBradleyTerryRidge, strengths, workspace);
  return strengths;
}

class RoutellmSw final : public PoolRouter {
 public:
  struct Parts {
    std::size_t size = 0;
    std::vector<float> prompts;  // prompts x size, unit length
    Battles battles;             // between tiers; rows are left empty
    std::vector<double> global;  // strength of each tier over all battles
    std::vector<std::uint32_t> tier_of;
    std::vector<float> mean;
    std::vector<float> sd;
    RankPolicy policy;
  };
  explicit RoutellmSw(Parts parts) : parts_(std::move(parts)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    score(request.dense, kNobody, scratch, quality);
    parts_.policy.apply(quality);
    std::copy_n(parts_.sd.begin(), sd.size(), sd.begin());
  }

  /// Strength of each model's tier for a request, its mean quality breaking ties. `except` is a prompt to leave out.
  void score(std::span<const float> dense, std::size_t except, Scratch& scratch, std::span<float> out) const noexcept {
    const std::size_t tiers = parts_.global.size();
    const std::size_t prompts = parts_.battles.offsets.size() - 1;
    const auto wins = std::span(scratch.sums).first(tiers * tiers);
    const auto strengths = std::span(scratch.sums).subspan(tiers * tiers, tiers);
    const auto workspace = std::span(scratch.sums).subspan(tiers * tiers + tiers, math::bradley_terry_workspace(tiers));
    const float length = std::sqrt(math::dot(dense, dense));
    double top = 0;
    for (std::size_t i = 0; i < prompts; ++i) {
      const float product = math::dot({parts_.prompts.data() + i * parts_.size, parts_.size}, dense);
      scratch.scores[i] = length > 0 && i != except ? static_cast<double>(product / length) : 0.0;
      if (i != except) top = std::max(top, scratch.scores[i]);
    }
    std::fill(wins.begin(), wins.end(), 0.0);
    for (std::size_t i = 0; i < prompts; ++i) {
      // Ten times ten to the share of the nearest; the constant factor 10 cancels in the mean.
      const double weight = i == except ? 0 : std::pow(10.0, top > 0 ? scratch.scores[i] / top : 0.0);
      scratch.scores[i] = 0;
      for (const Battle& battle : parts_.battles.of(i))
        wins[battle.winner * tiers + battle.loser] += weight * static_cast<double>(battle.weight);
    }
    std::copy(parts_.global.begin(), parts_.global.end(), strengths.begin());
    math::fit_bradley_terry(wins, math::kBradleyTerryRidge, strengths, workspace);
    for (std::size_t m = 0; m < out.size(); ++m)
      out[m] = static_cast<float>(strengths[parts_.tier_of[m]] + kTieBreak * static_cast<double>(parts_.mean[m]));
  }

  void prepare(Scratch& scratch) const override {
    const std::size_t prompts = parts_.battles.offsets.size() - 1;
    if (scratch.scores.size() < prompts) scratch.scores.resize(prompts, 0.0);
  }
  [[nodiscard]] Output output() const noexcept override { return Output::kPreference; }

  void save(base::ByteWriter& out) const override {
    out.put_array(parts_.prompts);
    out.put_array(parts_.battles.offsets);
    std::vector<std::uint32_t> pairs;
    std::vector<float> weights;
    for (const Battle& battle : parts_.battles.list) {
      pairs.push_back(battle.winner);
      pairs.push_back(battle.loser);
      weights.push_back(battle.weight);
    }
    out.put_array(pairs);
    out.put_array(weights);
    out.put_array(parts_.global);
    out.put_array(parts_.tier_of);
    out.put_array(parts_.mean);
    out.put_array(parts_.sd);
    parts_.policy.save(out);
  }

  /// A newcomer has no battles of its own: it takes the tier whose models' means are nearest to its mean.
  [[nodiscard]] Result<std::unique_ptr<Router>> with_model(const TrainingSet& data,
                                                           const base::OptionMap& options) const override;
  [[nodiscard]] Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(parts_.mean.size(), model));
    Parts parts = parts_;
    parts.tier_of = without_row(std::move(parts.tier_of), 1, model);
    parts.mean = without_row(std::move(parts.mean), 1, model);
    parts.sd = without_row(std::move(parts.sd), 1, model);
    parts.policy = parts.policy.without(model);
    return std::make_unique<RoutellmSw>(std::move(parts));
  }

  RankPolicy& policy() noexcept { return parts_.policy; }
  [[nodiscard]] const Parts& parts() const noexcept { return parts_; }

 private:
  Parts parts_;
};

Result<std::unique_ptr<Router>> RoutellmSw::with_model(const TrainingSet& data, const base::OptionMap& options) const {
  TRY(const auto parsed, base::parse_options<RoutellmSwOptions>(options));
  static_cast<void>(parsed);
  CHECK_OK(check_new_model(data, parts_.size));
  const ModelMeans means = model_means(data);
  Parts parts = parts_;
  std::size_t nearest = 0;
  const auto away = [&](std::size_t m) { return std::abs(static_cast<double>(parts.mean[m]) - means.mean[0]); };
  for (std::size_t m = 1; m < parts.mean.size(); ++m)
    if (away(m) < away(nearest)) nearest = m;
  parts.tier_of.push_back(parts.tier_of[nearest]);
  parts.mean.push_back(static_cast<float>(means.mean[0]));
  parts.sd.push_back(static_cast<float>(probability_sd(means.mean[0], means.count[0])));
  parts.policy = parts.policy.with_model(nearest);
  return std::make_unique<RoutellmSw>(std::move(parts));
}

/// Refuses a named pair that one tier holds: its score would be the same for every request.
Status check_tiers(const TrainingSet& data, const PairOptions& options, std::span<const std::uint32_t> tier_of) {
  if (options.weak.empty()) return {};
  TRY(const Pair pair, choose_pair(data, options.strong, options.weak));
  if (tier_of[pair.strong] != tier_of[pair.weak]) return {};
  return fail(ErrorKind::kInvalidInput, "'{}' and '{}' are in one tier and cannot be told apart; allow more tiers",
              data.models[pair.strong], data.models[pair.weak]);
}

Result<std::unique_ptr<Router>> fit_routellm_sw(const TrainingSet& data, const base::OptionMap& values,
                                                base::Rng& rng) {
  TRY(const auto options, base::parse_options<RoutellmSwOptions>(values));
  TRY(const Pair pair, choose_pair(data, options.pair.strong, options.pair.weak));
  static_cast<void>(pair);
  // Models in the order of their names, so that the draw of battles does not depend on the table's columns.
  const OrderedSet ordered = order_models(data, kPromptsMax, rng);
  const TrainingSet& set = ordered.set;
  RoutellmSw::Parts parts;
  parts.size = set.dense_size;
  parts.battles = make_battles(set, options, rng);
  const std::size_t models = set.models.size();
  const auto strengths = strengths_of(parts.battles, models);
  const auto tier_of = math::split_tiers(strengths, static_cast<std::size_t>(options.tiers));
  for (Battle& battle : parts.battles.list) battle = {tier_of[battle.winner], tier_of[battle.loser], battle.weight};
  const std::size_t tiers = *std::max_element(tier_of.begin(), tier_of.end()) + std::size_t{1};
  parts.global = strengths_of(parts.battles, tiers);
  parts.tier_of = placed(tier_of, ordered.place);
  CHECK_OK(check_tiers(data, options.pair, parts.tier_of));
  const std::vector<std::uint32_t> prompts = std::move(parts.battles.rows);
  parts.battles.rows.clear();
  for (const std::uint32_t row : prompts) {
    const auto dense = set.dense_row(row);
    parts.prompts.insert(parts.prompts.end(), dense.begin(), dense.end());
    math::normalize(std::span(parts.prompts).last(parts.size));
  }
  const ModelMeans means = model_means(data);
  for (std::size_t m = 0; m < models; ++m) {
    parts.mean.push_back(static_cast<float>(means.mean[m]));
    parts.sd.push_back(static_cast<float>(probability_sd(means.mean[m], means.count[m])));
  }
  auto router = std::make_unique<RoutellmSw>(std::move(parts));

  Scratch scratch;
  scratch.sums.resize(kScratchSums);
  router->prepare(scratch);
  // Rows without battles are traffic too, so alpha rests on a draw of all rows.
  const auto judged = math::sample_rows(set.rows, kJudgedMax, rng);
  std::vector<std::uint32_t> table_rows;
  std::vector<double> scores;
  std::vector<float> score(models);
  for (const std::uint32_t row : judged) {
    const auto own = std::lower_bound(prompts.begin(), prompts.end(), row);
    const bool stored = own != prompts.end() && *own == row;
    router->score(set.dense_row(row), stored ? static_cast<std::size_t>(own - prompts.begin()) : kNobody, scratch,
                  score);
    table_rows.push_back(ordered.rows[row]);
    for (const float value : score) scores.push_back(static_cast<double>(value));
  }
  TRY(router->policy(), RankPolicy::fit(data, table_rows, scores, options.pair));
  return router;
}

Result<Battles> load_battles(base::ByteReader& in) {
  Battles battles;
  TRY(battles.offsets, in.get_array<std::uint64_t>());
  TRY(const auto pairs, in.get_array<std::uint32_t>());
  TRY(const auto weights, in.get_array<float>());
  const bool sound = !battles.offsets.empty() && battles.offsets.size() <= kPromptsMax + 1 &&
                     battles.offsets.front() == 0 && battles.offsets.back() == weights.size() &&
                     std::is_sorted(battles.offsets.begin(), battles.offsets.end()) &&
                     pairs.size() == 2 * weights.size() &&
                     std::all_of(weights.begin(), weights.end(), [](float w) { return w > 0 && w <= 1; });
  if (!sound) return fail(ErrorKind::kCorrupt, "routellm_sw: the battles are out of bounds");
  for (std::size_t i = 0; i < weights.size(); ++i) battles.list.push_back({pairs[2 * i], pairs[2 * i + 1], weights[i]});
  return battles;
}

Result<std::unique_ptr<Router>> load_routellm_sw(base::ByteReader& in, const Shape& shape) {
  RoutellmSw::Parts parts;
  parts.size = shape.dense_size;
  TRY(parts.prompts, in.get_array<float>());
  TRY(parts.battles, load_battles(in));
  TRY(parts.global, in.get_array<double>());
  TRY(parts.tier_of, in.get_array<std::uint32_t>());
  TRY(parts.mean, load_finite(in, shape.models, "routellm_sw"));
  TRY(parts.sd, load_deviations(in, shape.models, "routellm_sw"));
  TRY(parts.policy, RankPolicy::load(in, shape.models, "routellm_sw"));
  const std::size_t tiers = parts.global.size();
  const auto in_tiers = [&](std::uint32_t tier) { return tier < tiers; };
  const bool sound =
      tiers >= 1 && tiers <= kTiersMax && parts.tier_of.size() == shape.models &&
      parts.prompts.size() == (parts.battles.offsets.size() - 1) * shape.dense_size &&
      std::all_of(parts.tier_of.begin(), parts.tier_of.end(), in_tiers) &&
      std::all_of(parts.prompts.begin(), parts.prompts.end(), [](float v) { return std::abs(v) <= 1.01F; }) &&
      std::all_of(parts.global.begin(), parts.global.end(), [](double v) { return std::abs(v) <= 1e3; }) &&
      std::all_of(parts.battles.list.begin(), parts.battles.list.end(),
                  [&](const Battle& battle) { return in_tiers(battle.winner) && in_tiers(battle.loser); });
  if (!sound) return fail(ErrorKind::kCorrupt, "routellm_sw: {} tiers, a prompt or a battle is out of bounds", tiers);
  return std::make_unique<RoutellmSw>(std::move(parts));
}

}  // namespace

MethodRecord routellm_sw_method() {
  return {.name = "routellm_sw",
          .help = "ranking of models fitted for each request on battles weighted by similarity",
          .source = "arXiv:2406.18665",
          .latency_class_us = 1000,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<RoutellmSwOptions>,
          .fit = &fit_routellm_sw,
          .load = &load_routellm_sw,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
