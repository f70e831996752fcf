#include "runtime/app/doctor_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moult {
namespace {

using kafka::Step;
using ::testing::HasSubstr;
using ::testing::Not;

Step failed() {
  return {"broker b:9096", "sasl", Step::State::kFailed, "said \x1b[2J\nno",
          &kafka::diagnosis_of(kafka::Ailment::kAuthentication)};
}

TEST(StepAsText, HasAHeadingForEachSubject) {
  const Step resolved{"broker b:9096", "resolve", Step::State::kOk, "10.0.0.1"};
  const Step connected{"broker b:9096", "tcp", Step::State::kSkipped, ""};
  EXPECT_EQ(step_as_text(resolved, nullptr), "broker b:9096\n  resolve       ok       10.0.0.1\n");
  EXPECT_EQ(step_as_text(connected, &resolved), "  tcp           skipped\n");
}

TEST(StepAsText, SaysWhatWhyAndWhatToDoAndNothingThatATerminalObeys) {
  const std::string text = step_as_text(failed(), nullptr);
  EXPECT_THAT(text, HasSubstr("\n                what     a broker refuses our user or password "
                              "(authentication)\n"));
  EXPECT_THAT(text, HasSubstr("\n                why      "));
  EXPECT_THAT(text, HasSubstr("\n                cure     "));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\nno")));
}

TEST(StepsAsJson, AreOneObject) {
  const std::vector<Step> steps{{"broker b:9096", "tcp", Step::State::kOk, "x"}, failed()};
  const std::string json = steps_as_json(steps);
  EXPECT_THAT(json, HasSubstr("{\"ok\":false,\"steps\":[{\"subject\":\"broker b:9096\",\"step\":"
                              "\"tcp\",\"state\":\"ok\",\"found\":\"x\"},{"));
  EXPECT_THAT(json, HasSubstr("\"diagnosis\":{\"name\":\"authentication\",\"what\":"));
}

TEST(AllWell, SkippedIsWell) {
  const Step skipped{"b", "sasl", Step::State::kSkipped, ""};
  EXPECT_TRUE(all_well({skipped}));
  EXPECT_FALSE(all_well({skipped, failed()}));
  EXPECT_EQ(steps_summary({skipped, failed()}), "not all is well: 0 ok, 1 failed, 1 skipped\n");
}

}  // namespace
}  // namespace moult
