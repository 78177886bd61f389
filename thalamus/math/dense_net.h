/// Small fully connected nets, trained on the CPU: layers, forward and backward passes, and a trainer (Adam with
/// decoupled weight decay, early stopping on held-out rows) for any loss that a callback can differentiate. The same
/// seed and data give the same bytes on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"

namespace thalamus::math {

enum class Activation : std::uint8_t { kIdentity, kRelu, kTanh };

/// Starting values of a layer. kZero makes a fresh net answer 0 and gives every output the same start.
enum class Start : std::uint8_t { kRandom, kZero };

struct LayerPlan {
  std::size_t outputs = 1;
  Activation activation = Activation::kIdentity;
  Start start = Start::kRandom;
};

inline constexpr std::size_t kLayersMax = 16;
inline constexpr std::size_t kLayerWidthMax = 1U << 20;
inline constexpr std::size_t kParametersMax = 1U << 26;

class DenseNet {
 public:
  DenseNet() = default;
  /// He (ReLU) or Glorot (otherwise) uniform weights, biases 0. Sizes must lie within the bounds above.
  [[nodiscard]] static DenseNet make(std::size_t inputs, std::span<const LayerPlan> plan, base::Rng& rng);

  /// The output of one input, in the last floats of `workspace`, which must hold workspace_size() floats. It holds the
  /// outputs of every layer afterwards, as backward needs them. Allocates nothing.
  std::span<const float> forward(std::span<const float> input, std::span<float> workspace) const noexcept;
  /// Adds the gradient of a loss to `parameter_gradient` (parameters().size() floats) after `forward` filled
  /// `workspace`. `deltas` is workspace_size() floats of scratch. `input_gradient` is overwritten, or left out if
  /// empty.
  void backward(std::span<const float> input, std::span<const float> workspace, std::span<const float> output_gradient,
                std::span<float> deltas, std::span<float> parameter_gradient,
                std::span<float> input_gradient = {}) const noexcept;

  [[nodiscard]] std::size_t layers() const noexcept { return layers_.size(); }
  [[nodiscard]] std::size_t inputs() const noexcept { return layers_.empty() ? 0 : layers_.front().inputs; }
  [[nodiscard]] std::size_t outputs() const noexcept { return layers_.empty() ? 0 : layers_.back().outputs; }
  [[nodiscard]] std::size_t outputs(std::size_t layer) const noexcept { return layers_[layer].outputs; }
  [[nodiscard]] Activation activation(std::size_t layer) const noexcept { return layers_[layer].activation; }
  [[nodiscard]] std::size_t workspace_size() const noexcept { return workspace_size_; }

  /// Of one layer: outputs x inputs, row-major.
  [[nodiscard]] std::span<const float> weights(std::size_t layer) const noexcept;
  [[nodiscard]] std::span<float> weights(std::size_t layer) noexcept;
  [[nodiscard]] std::span<const float> bias(std::size_t layer) const noexcept;
  [[nodiscard]] std::span<float> bias(std::size_t layer) noexcept;
  /// Every layer's weights, then its bias, layer after layer.
  [[nodiscard]] std::span<const float> parameters() const noexcept { return parameters_; }
  [[nodiscard]] std::span<float> parameters() noexcept { return parameters_; }

  /// Makes forward(x) what forward((x - center) * factor) was, by changing the first layer.
  void absorb_scaling(std::span<const float> center, std::span<const float> factor) noexcept;
  /// Output i becomes what output `from[i]` was; `from` may drop and repeat outputs but not be empty.
  void rearrange_outputs(std::span<const std::size_t> from);

  void save(base::ByteWriter& out) const;
  /// kCorrupt unless the net takes `inputs`, gives `outputs`, and every size and number is sound.
  [[nodiscard]] static Result<DenseNet> load(base::ByteReader& in, std::size_t inputs, std::size_t outputs);

 private:
  struct Layer {
    std::size_t inputs = 0;
    std::size_t outputs = 0;
    Activation activation = Activation::kIdentity;
    std::size_t offset = 0;  ///< of its weights in parameters_; the bias follows them
    std::size_t result = 0;  ///< of its outputs in a workspace
  };
  void add_layer(std::size_t inputs, std::size_t outputs, Activation activation);

  std::vector<Layer> layers_;
  std::vector<float> parameters_;
  std::size_t workspace_size_ = 0;
};

/// What is done to the inputs before training; absorbed into the first layer afterwards.
enum class InputScaling : std::uint8_t {
  kNone,
  kShared,   ///< columns are centred and divided by one number, their root mean square deviation
  kColumns,  ///< columns are centred and each is divided by its own deviation; a constant column counts 0
};

struct DenseTraining {
  double rate = 1e-3;
  double weight_decay = 1e-4;  ///< decoupled, of weights; biases and extra parameters do not decay
  double input_noise = 0;      ///< share of inputs set to 0 at each visit (dropout of inputs, scaled up to make up)
  std::size_t batch = 64;
  std::size_t epochs_max = 100;
  double held_out = 0.1;          ///< share of rows for early stopping; 0 trains for all epochs
  std::size_t patience = 8;       ///< epochs without a better held-out loss
  std::size_t rows_max = 20'000;  ///< more rows are sampled by the seed
  InputScaling scaling = InputScaling::kShared;
};

struct DenseReport {
  std::size_t epochs = 0;                    ///< run
  std::size_t best_epoch = 0;                ///< whose parameters are kept; counted from 1
  double training_loss = 0;                  ///< mean per row in the best epoch, while it trained
  double held_out_loss = 0;                  ///< mean per row after the best epoch; 0 without held-out rows
  std::vector<std::uint32_t> held_out_rows;  ///< ascending; they never took part in a step
};

/// Loss of one row and its gradient by the net's outputs (`gradient` comes zeroed).
using RowLoss = std::function<double(std::size_t row, std::span<const float> output, std::span<float> gradient)>;

/// Rows that take a step together, for losses that compare rows or train further parameters.
struct DenseBatch {
  std::span<const std::uint32_t> rows;
  std::span<const float> outputs;   ///< rows x outputs
  std::span<float> gradients;       ///< rows x outputs, zeroed
  std::span<const float> extra;     ///< further parameters
  std::span<float> extra_gradient;  ///< zeroed
  bool training = true;             ///< false: held-out rows are scored, gradients are thrown away
};
/// Sum of the rows' losses.
using BatchLoss = std::function<double(const DenseBatch& batch)>;

/// Trains `net` on `x` (rows x net.inputs(), row-major). kInvalidInput on sizes that do not fit, numbers that are not
/// finite, or a loss that diverges; the net is then unspecified.
[[nodiscard]] Result<DenseReport> train_dense(DenseNet& net, std::span<const float> x, const RowLoss& loss,
                                              const DenseTraining& training, base::Rng& rng);
/// The same with `extra` parameters beside the net's, which `loss` reads and differentiates.
[[nodiscard]] Result<DenseReport> train_dense(DenseNet& net, std::span<const float> x, std::span<float> extra,
                                              const BatchLoss& loss, const DenseTraining& training, base::Rng& rng);

/// `rows_max` of `rows` row numbers, ascending, drawn by the seed; all of them where they are no more.
[[nodiscard]] std::vector<std::uint32_t> sample_rows(std::size_t rows, std::size_t rows_max, base::Rng& rng);

/// One step of Adam at a time, for parameters that are trained outside of train_dense.
class Adam {
 public:
  explicit Adam(std::size_t size) : first_(size, 0.0F), second_(size, 0.0F) {}
  /// Begins a step; then `apply` to every part of the parameters.
  void advance() noexcept;
  /// parameters -= rate * m / (sqrt(v) + 1e-8) + rate * weight_decay * parameters, for the part at `offset`.
  void apply(std::span<float> parameters, std::span<const float> gradient, std::size_t offset, double rate,
             double weight_decay) noexcept;

 private:
  std::vector<float> first_;
  std::vector<float> second_;
  double first_power_ = 1;
  double second_power_ = 1;
};

/// Stable for any finite argument.
[[nodiscard]] double sigmoid(double logit) noexcept;
/// Cross-entropy of a target in [0,1] against sigmoid(logit); `gradient` is set to its derivative by the logit.
[[nodiscard]] double logistic_loss(double logit, double target, float& gradient) noexcept;
/// Cross-entropy of softmax(logits) against `targets`, which sum to 1 or 0; `gradient` is set to its derivative.
[[nodiscard]] double softmax_loss(std::span<const float> logits, std::span<const float> targets,
                                  std::span<float> gradient) noexcept;

}  // namespace thalamus::math
