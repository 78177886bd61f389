// A posterior over tasks times a table: quality_m(x) = sum over tasks of p(task | x) * table(task, m). The posterior is
// a multinomial logistic regression on the words of the request (TF-IDF), p^sharpness renormalised, or
// the caller's own hint where it names a task of the table. The table is shrunk by empirical Bayes: towards the sum of
// the model's mean and the task's difficulty, by the share of the spread between cells that chance alone explains
// (Efron and Morris, JASA 1975). The same information flow as UniRoute's learned map (arXiv 2502.08773) with named
// clusters. O(distinct tokens * tasks + tasks * models).
#include <algorithm>
#include <cmath>

#include "thalamus/base/hash.h"
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"
#include "thalamus/route/token_space.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kParametersMax = 1U << 20;
constexpr std::size_t kRowsMax = 50'000;  // of the classifier; the table is made from all rows

struct TaskPosteriorOptions {
  std::int64_t words = 65536;
  double penalty = 0.1;
  double sharpness = 1;
  std::int64_t iterations = 40;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("words", words, base::Range<std::int64_t>{64, kVocabularyMax}, "vocabulary at most, the frequent ones");
    visit("penalty", penalty, base::Range<double>{1e-6, 1e6}, "of the classifier's squared weights");
    visit("sharpness", sharpness, base::Range<double>{0.05, 4}, "exponent of the posterior; below 1 it is softened");
    visit("iterations", iterations, base::Range<std::int64_t>{1, 1000}, "of the classifier's fit");
  }
};

class TaskPosterior final : public Router {
 public:
  TaskPosterior(TokenSpace space, math::SparseLinear classifier, double sharpness, std::vector<std::uint64_t> names,
                ShrunkTable table)
      : space_(std::move(space)),
        classifier_(std::move(classifier)),
        sharpness_(sharpness),
        names_(std::move(names)),
        table_(std::move(table)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::span<double> p(scratch.sums.data(), names_.size());
    posterior(request, scratch, p);
    for (std::size_t m = 0; m < quality.size(); ++m) {
      double mean = 0;
      double square = 0;
      double within = 0;
      for (std::size_t t = 0; t < p.size(); ++t) {
        const auto value = static_cast<double>(table_.mean[t * table_.models + m]);
        const auto deviation = static_cast<double>(table_.sd[t * table_.models + m]);
        mean += p[t] * value;
        square += p[t] * value * value;
        within += p[t] * deviation * deviation;
      }
      quality[m] = static_cast<float>(mean);
      sd[m] = static_cast<float>(std::sqrt(std::max(0.0, square - mean * mean) + within));
    }
  }

  void prepare(Scratch& scratch) const override { space_.prepare(scratch); }

  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(names_.size()));
    out.put(sharpness_);
    space_.save(out);
    classifier_.save(out);
    out.put_array(names_);
    table_.save(out);
  }

 private:
  void posterior(const FeatureView& request, Scratch& scratch, std::span<double> p) const noexcept {
    const feature::Description* description = request.description;
    if (description != nullptr && !description->task_hint.empty()) {
      const auto found = std::find(names_.begin(), names_.end(), base::hash64(description->task_hint));
      if (found != names_.end()) {
        std::fill(p.begin(), p.end(), 0.0);
        p[static_cast<std::size_t>(found - names_.begin())] = 1;
        return;
      }
    }
    const std::span<const std::uint64_t> tokens =
        description == nullptr ? std::span<const std::uint64_t>{} : description->tokens;
    space_.transform(tokens, scratch);
    classifier_.apply(scratch.words, scratch.word_values, p);
    math::softmax(p, sharpness_);
  }

  TokenSpace space_;
  math::SparseLinear classifier_;
  double sharpness_;
  std::vector<std::uint64_t> names_;  ///< hash64 of each task's name
  ShrunkTable table_;
};

Result<std::unique_ptr<Router>> fit_task_posterior(const TrainingSet& data, const base::OptionMap& values,
                                                   base::Rng& rng) {
  TRY(const auto options, base::parse_options<TaskPosteriorOptions>(values));
  const Tasks tasks = fold_tasks(data);
  const std::size_t words =
      std::min(static_cast<std::size_t>(options.words), std::max<std::size_t>(64, kParametersMax / tasks.names.size()));
  TokenSpace space(data, words);
  const auto positions = sample_rows(data.rows, kRowsMax, rng);
  std::vector<std::uint32_t> label;
  label.reserve(positions.size());
  for (const std::uint32_t row : positions) label.push_back(tasks.of_row[row]);
  const TokenRows rows = space.rows(data, positions);
  auto classifier =
      math::fit_softmax(rows.view(space.words()), label, tasks.names.size(),
                        {.penalty = options.penalty, .iterations_max = static_cast<std::size_t>(options.iterations)});
  std::vector<std::uint64_t> names;
  names.reserve(tasks.names.size());
  for (const std::string& name : tasks.names) names.push_back(base::hash64(name));
  auto table = fit_bayes_table(data, tasks.names.size(), tasks.of_row);
  return std::make_unique<TaskPosterior>(std::move(space), std::move(classifier), options.sharpness, std::move(names),
                                         std::move(table));
}

Result<std::unique_ptr<Router>> load_task_posterior(base::ByteReader& in, const Shape& shape) {
  TRY(const auto tasks, in.get<std::uint32_t>());
  TRY(const auto sharpness, in.get<double>());
  if (tasks < 1 || tasks > kTasksMax || !(sharpness > 0) || !(sharpness <= 4))
    return fail(ErrorKind::kCorrupt, "task_posterior: {} tasks and sharpness {} are out of bounds", tasks, sharpness);
  TRY(auto space, TokenSpace::load(in, "task_posterior"));
  TRY(auto classifier, math::SparseLinear::load(in, space.words(), tasks));
  TRY(auto names, in.get_array<std::uint64_t>());
  if (names.size() != tasks) return fail(ErrorKind::kCorrupt, "task_posterior: {} names", names.size());
  TRY(auto table, load_table(in, tasks, shape.models, "task_posterior"));
  return std::make_unique<TaskPosterior>(std::move(space), std::move(classifier), sharpness, std::move(names),
                                         std::move(table));
}

}  // namespace

MethodRecord task_posterior_method() {
  return {.name = "task_posterior",
          .help = "tasks recognised from the words by logistic regression, times a table shrunk by empirical Bayes",
          .source = "arXiv:2502.08773",
          .latency_class_us = 10,
          .needs = {.dense = false, .either = false, .tokens = true},
          .options = &base::list_options<TaskPosteriorOptions>,
          .fit = &fit_task_posterior,
          .load = &load_task_posterior};
}

}  // namespace thalamus::route
