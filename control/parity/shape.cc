#include "control/parity/shape.h"

#include <algorithm>
#include <optional>

namespace warp::parity {
namespace {

// Longer blocks need less parity for the same loss, and take longer to be restored.
constexpr size_t kMostPayloads = 20;
constexpr size_t kMostParities = 4;

double OverheadOf(const Shape& shape) {
  return static_cast<double>(shape.parities) / static_cast<double>(shape.payloads);
}

}  // namespace

double ResidualLoss(const Shape& shape, double loss) {
  // The chance that fewer than `parities` of the others are lost, term by term.
  const int others = shape.payloads + shape.parities - 1;
  if (loss <= 0) return 0;
  if (loss >= 1) return 1;
  double term = 1;
  for (int i = 0; i < others; ++i) term *= 1 - loss;
  double restored = 0;
  for (int lost = 0; lost < shape.parities; ++lost) {
    restored += term;
    term *= loss / (1 - loss) * (others - lost) / (lost + 1);
  }
  return loss * std::max(0.0, 1 - restored);
}

size_t MostOnOnePath(const Shape& shape, size_t paths) {
  const size_t packets = size_t{shape.payloads} + shape.parities;
  return packets <= paths * shape.parities ? shape.parities : 0;
}

Shape ChooseShape(const Conditions& conditions) {
  const bool across = conditions.paths_die && conditions.paths > 1;
  if (!across && conditions.loss <= conditions.target) return {};
  std::optional<Shape> cheapest, safest;
  double least = 1;
  const auto consider = [&](bool survives) {
    const size_t most_payloads = std::clamp<size_t>(conditions.most_payloads, 1, kMostPayloads);
    for (size_t parities = 1; parities <= kMostParities; ++parities) {
      for (size_t payloads = 1; payloads <= most_payloads; ++payloads) {
        const Shape shape{static_cast<uint8_t>(payloads), static_cast<uint8_t>(parities)};
        if (OverheadOf(shape) > conditions.most) continue;
        if (survives && MostOnOnePath(shape, conditions.paths) == 0) continue;
        const double residual = ResidualLoss(shape, conditions.loss);
        if (!safest.has_value() || residual < least) {
          safest = shape;
          least = residual;
        }
        if (residual <= conditions.target &&
            (!cheapest.has_value() || OverheadOf(shape) < OverheadOf(*cheapest))) {
          cheapest = shape;
        }
      }
    }
  };
  if (across) consider(true);
  if (!safest.has_value()) consider(false);
  return cheapest.has_value() ? *cheapest : safest.value_or(Shape());
}

}  // namespace warp::parity
