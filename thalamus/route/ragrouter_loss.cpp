#include "thalamus/route/ragrouter_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "thalamus/base/hash.h"
#include "thalamus/base/rng.h"

namespace thalamus::route {
namespace {

constexpr float kRight = 0.5F;  // a quality above this is a right answer
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::uint64_t question_key(const TrainingSet& data, std::size_t row) {
  // A row without a question is like no other.
  if (row + 1 >= data.question_offsets.size()) return base::mix64(row);
  const std::span<const std::uint32_t> tokens(data.question_tokens.data() + data.question_offsets[row],
                                              data.question_tokens.data() + data.question_offsets[row + 1]);
  if (tokens.empty()) return base::mix64(row);
  return base::hash64({reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes()});
}

}  // namespace

DocumentRows DocumentRows::read(const TrainingSet& data, std::span<const std::uint32_t> rows,
                                const DocumentFeatures& documents) {
  DocumentRows result{std::vector<float>(rows.size() * kDocumentFeatures, 0.0F), std::vector<bool>(rows.size()), 0};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    result.present[i] =
        documents.of(data, rows[i], std::span(result.features).subspan(i * kDocumentFeatures, kDocumentFeatures));
    result.count += result.present[i] ? 1 : 0;
  }
  return result;
}

QuestionGroups QuestionGroups::find(const TrainingSet& data, std::span<const std::uint32_t> rows,
                                    const std::vector<bool>& has_documents) {
  QuestionGroups result;
  std::unordered_map<std::uint64_t, std::uint32_t> open;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    const auto next = static_cast<std::uint32_t>(result.members.size());
    const auto [found, added] = open.emplace(question_key(data, rows[i]), next);
    if (!added && result.members[found->second].size() == kQuestionRowsMax) {
      found->second = next;
      result.members.emplace_back();
    } else if (added) {
      result.members.emplace_back();
    }
    result.members[found->second].push_back(i);
    result.group.push_back(found->second);
  }
  for (const auto& members : result.members) {
    const auto with = std::count_if(members.begin(), members.end(), [&](std::uint32_t i) { return has_documents[i]; });
    if (with > 0 && static_cast<std::size_t>(with) < members.size()) ++result.compared;
  }
  return result;
}

RagrouterLoss::RagrouterLoss(const TrainingSet& set, math::DenseNet& shift, const DocumentRows& documents,
                             QuestionGroups questions, ContrastOptions options)
    : set_(set),
      shift_(shift),
      documents_(documents),
      questions_(std::move(questions)),
      options_(options),
      work_(shift.workspace_size()),
      deltas_(shift.workspace_size()),
      logits_(set.models.size()),
      remembered_(options.weight > 0 ? set.rows * set.models.size() : 0, kUnknown) {}

double RagrouterLoss::operator()(const math::DenseBatch& batch) {
  const std::size_t models = set_.models.size();
  std::copy(batch.extra.begin(), batch.extra.end(), shift_.parameters().begin());
  double total = 0;
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    const std::uint32_t row = batch.rows[i];
    const auto gradient = batch.gradients.subspan(i * models, models);
    const auto base = batch.outputs.subspan(i * models, models);
    std::copy(base.begin(), base.end(), logits_.begin());
    const bool shifted = documents_.present[row];
    if (shifted) {
      const auto shifts = shift_.forward(documents_.of(row), work_);
      for (std::size_t m = 0; m < models; ++m) logits_[m] += shifts[m];
    }
    total += cross_entropy(row, gradient);
    if (!batch.training) continue;
    if (options_.weight > 0) total += contrast(row, gradient);
    if (shifted) shift_.backward(documents_.of(row), work_, gradient, deltas_, batch.extra_gradient);
  }
  return total;
}

double RagrouterLoss::cross_entropy(std::uint32_t row, std::span<float> gradient) const {
  double total = 0;
  for (std::size_t m = 0; m < gradient.size(); ++m)
    if (set_.recorded(row, m))
      total += math::logistic_loss(static_cast<double>(logits_[m]), static_cast<double>(set_.quality_of(row, m)),
                                   gradient[m]);
  return total;
}

double RagrouterLoss::contrast(std::uint32_t row, std::span<float> gradient) {
  const std::size_t models = gradient.size();
  const std::span<double> own = std::span(remembered_).subspan(row * models, models);
  for (std::size_t m = 0; m < models; ++m) own[m] = 2 * math::sigmoid(static_cast<double>(logits_[m])) - 1;
  similarity_.clear();
  quality_.clear();
  sides_.positives.clear();
  sides_.negatives.clear();
  std::size_t own_begin = 0;
  for (const std::uint32_t member : questions_.members[questions_.group[row]]) {
    if (member == row) own_begin = similarity_.size();
    for (std::size_t m = 0; m < models; ++m) {
      const double similarity = remembered_[member * models + m];
      const bool counts = set_.recorded(member, m) && !std::isnan(similarity);
      const auto at = static_cast<std::uint32_t>(similarity_.size());
      similarity_.push_back(counts ? similarity / options_.temperature : 0);
      quality_.push_back(counts ? set_.quality_of(member, m) : 0);
      if (counts) (quality_.back() > kRight ? sides_.positives : sides_.negatives).push_back(at);
    }
  }
  if (sides_.positives.empty() || sides_.negatives.empty()) return 0;
  similarity_gradient_.assign(similarity_.size(), 0.0);
  const double loss = contrast_loss(similarity_, quality_, sides_, similarity_gradient_);
  const double weight = options_.weight * static_cast<double>(models) / static_cast<double>(sides_.positives.size());
  for (std::size_t m = 0; m < models; ++m) {
    const double slope = (1 - own[m] * own[m]) / 2;  // of the similarity by the logit
    gradient[m] += static_cast<float>(weight / options_.temperature * slope * similarity_gradient_[own_begin + m]);
  }
  return weight * loss;
}

}  // namespace thalamus::route
