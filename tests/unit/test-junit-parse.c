/* SPDX-License-Identifier: MIT
 *
 * JUnit files as test tools write them, and what is refused as a whole.
 */
#include "junit-place.h"

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static const char ant[] = XML
    "<testsuite errors=\"1\" failures=\"0\" hostname=\"h\" name=\"org.a.BoxTest\" skipped=\"1\" "
    "tests=\"3\" time=\"0.05\">\n  <properties>\n    <property name=\"failure\" value=\"x\" />\n"
    "  </properties>\n"
    "  <testcase classname=\"org.a.BoxTest\" name=\"opens\" time=\"0.002\" />\n"
    "  <testcase classname=\"org.a.BoxTest\" name=\"closes\" time=\"0.01\">\n"
    "    <error message=\"null\" type=\"java.lang.Error\">java.lang.Error\n\tat Box:1</error>\n"
    "  </testcase>\n"
    "  <testcase classname=\"org.a.BoxTest\" name=\"locks\" time=\"0.0\"><skipped/></testcase>\n"
    "  <system-out><![CDATA[<testcase name=\"none\"/>]]></system-out>\n"
    "  <system-err></system-err>\n</testsuite>\n";

static const char surefire[] =
    XML "<testsuite xmlns:xsi=\"urn:x\" version=\"3.0\" name=\"a.SlowTest\" time=\"1,234.5\" "
        "tests=\"4\" "
        "errors=\"0\" skipped=\"0\" failures=\"1\">\n"
        "<testcase name=\"long\" classname=\"a.SlowTest\" time=\"1,234.5\"/>\n"
        "<testcase name=\"shaky\" classname=\"a.SlowTest\" time=\"0.2\">"
        "<flakyFailure message=\"once\" type=\"E\"><stackTrace>trace</stackTrace>"
        "<system-out>out</system-out></flakyFailure></testcase>\n"
        "<testcase name=\"shaken\" classname=\"a.SlowTest\" time=\"0.2\">"
        "<flakyError message=\"once\" type=\"E\"/></testcase>\n"
        "<testcase name=\"bad\" classname=\"a.SlowTest\" time=\"0.1\">"
        "<failure message=\"1st\" type=\"E\">one</failure>"
        "<rerunFailure message=\"2nd\" type=\"E\"><stackTrace>two</stackTrace></rerunFailure>"
        "</testcase>\n</testsuite>";

static const char pytest1[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites><testsuite name=\"pytest\" errors=\"0\" "
    "failures=\"1\" skipped=\"1\" tests=\"3\" time=\"0.02\" timestamp=\"t\">"
    "<testcase classname=\"tests.test_a.TestBox\" name=\"test_b[x-1]\" file=\"tests/test_a.py\" "
    "line=\"4\" time=\"2e-3\" />"
    "<testcase classname=\"tests.test_a\" name=\"test_c\" file=\"tests/test_a.py\" line=\"9\" "
    "time=\"0.001\"><failure message=\"assert 1 == 2&#10;more\">def test_c():&#10;&gt; x</failure>"
    "</testcase><testcase classname=\"tests.test_a\" name=\"test_d\" file=\"tests/test_a.py\" "
    "line=\"12\" time=\"0.000\"><skipped type=\"pytest.skip\" "
    "message=\"later\">tests/test_a.py:12: "
    "later</skipped></testcase></testsuite></testsuites>";

static const char pytest2[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites name=\"pytest tests\"><testsuite "
    "name=\"pytest\" errors=\"1\" failures=\"1\" skipped=\"0\" tests=\"2\" time=\"0.02\" "
    "hostname=\"h\">"
    "<testcase classname=\"tests.test_a\" name=\"test_c\" time=\"0.001\"><failure "
    "message=\"no\">in "
    "the test</failure><error message=\"failed on teardown\">in its teardown</error></testcase>"
    "<testcase classname=\"\" name=\"tests.test_b\" time=\"0.000\"><error message=\"collection "
    "failure\">SyntaxError</error></testcase></testsuite></testsuites>";

static const char gtest[] = XML
    "<testsuites tests=\"3\" failures=\"1\" disabled=\"1\" errors=\"0\" time=\"0.01\" "
    "name=\"AllTests\">\n<testsuite name=\"Box\" tests=\"4\" failures=\"1\" disabled=\"1\" "
    "skipped=\"1\" errors=\"0\" time=\"0.01\">\n"
    "<testcase name=\"Opens\" file=\"box.cc\" line=\"7\" status=\"run\" result=\"completed\" "
    "time=\"0.004\" classname=\"Box\" />\n"
    "<testcase name=\"DISABLED_Shuts\" file=\"box.cc\" line=\"9\" status=\"notrun\" "
    "result=\"suppressed\" time=\"0.\" classname=\"Box\" />\n"
    "<testcase name=\"Waits\" file=\"box.cc\" line=\"11\" status=\"run\" result=\"skipped\" "
    "time=\"0.\" classname=\"Box\"><skipped message=\"box.cc:12&#x0A;no\"><![CDATA[box.cc:12\nno]]>"
    "</skipped></testcase>\n"
    "<testcase name=\"Fits\" file=\"box.cc\" line=\"15\" status=\"run\" result=\"completed\" "
    "time=\"0.001\" classname=\"Box\">\n<failure message=\"a\" type=\"\"><![CDATA[a]]></failure>\n"
    "<failure message=\"b\" type=\"\"><![CDATA[b]]></failure>\n</testcase>\n"
    "</testsuite>\n</testsuites>\n";

static const char rspec[] = XML
    "<testsuite name=\"rspec1\" tests=\"2\" skipped=\"1\" failures=\"1\" errors=\"0\" "
    "time=\"0.003\" timestamp=\"t\" hostname=\"h\">\n<properties>\n"
    "<property name=\"seed\" value=\"7\"/>\n</properties>\n"
    "<testcase classname=\"spec.models.box_spec\" name=\"Box opens\" "
    "file=\"./spec/models/box_spec.rb\" time=\"0.000517\"><failure message=\"expected: 1\" "
    "type=\"RSpec::Expectations::ExpectationNotMetError\">Failure/Error: x</failure></testcase>\n"
    "<testcase classname=\"spec.models.box_spec\" name=\"Box waits\" "
    "file=\"./spec/models/box_spec.rb\" time=\"0.0\"><skipped/></testcase>\n</testsuite>\n";

static const char jest[] =
    XML "<testsuites name=\"jest tests\" tests=\"1\" failures=\"1\" errors=\"0\" time=\"1.1\">\n"
        "  <testsuite name=\"box\" errors=\"0\" failures=\"1\" skipped=\"0\" time=\"0.9\" "
        "tests=\"1\" file=\"src/box.test.js\">\n    <testcase classname=\"box opens\" "
        "name=\"box opens\" time=\"0.012\">\n      <failure>Error: no\n    at x</failure>\n"
        "    </testcase>\n  </testsuite>\n</testsuites>";

static const char gotestsum[] =
    XML "<testsuites tests=\"2\" failures=\"1\" errors=\"0\" time=\"0.3\">\n"
        "\t<testsuite tests=\"2\" failures=\"1\" time=\"0.100000\" name=\"ex.org/box\" "
        "timestamp=\"t\">\n\t\t<properties>\n\t\t\t<property name=\"go.version\" "
        "value=\"go1\"></property>\n"
        "\t\t</properties>\n\t\t<testcase classname=\"ex.org/box\" name=\"TestOpen\" "
        "time=\"0.000000\">\n\t\t\t<failure message=\"Failed\" type=\"\">=== RUN</failure>\n"
        "\t\t</testcase>\n\t\t<testcase classname=\"ex.org/box\" name=\"TestShut/a\" "
        "time=\"0.050000\"></testcase>\n\t</testsuite>\n</testsuites>\n";

static const char phpunit[] = XML
    "<testsuites>\n  <testsuite name=\"all\" tests=\"2\" assertions=\"2\" errors=\"0\" "
    "warnings=\"0\" failures=\"1\" skipped=\"0\" time=\"0.2\">\n"
    "    <testsuite name=\"App\\BoxTest\" file=\"/app/tests/BoxTest.php\" tests=\"2\" "
    "failures=\"1\">\n      <testcase name=\"testOpen\" class=\"App\\BoxTest\" "
    "classname=\"App.BoxTest\" file=\"/app/tests/BoxTest.php\" line=\"12\" assertions=\"1\" "
    "time=\"0.1\"/>\n      <testsuite name=\"App\\BoxTest::testFits\" tests=\"1\" failures=\"1\">\n"
    "        <testcase name=\"testFits with data set #0\" class=\"App\\BoxTest\" "
    "classname=\"App.BoxTest\" file=\"/app/tests/BoxTest.php\" line=\"20\" time=\"0.05\">\n"
    "          <failure type=\"PHPUnit\\Framework\\Failed\">no</failure>\n        </testcase>\n"
    "      </testsuite>\n    </testsuite>\n  </testsuite>\n</testsuites>\n";

/* CIPLUG_PASSED 1, FAILED 2, ERROR 5, SKIPPED 7. */
static const struct sample {
    const char *text, *cases;
} samples[] = {
    {ant, "1 org.a.BoxTest|org.a.BoxTest|opens|:0|2|||\n"
          "5 org.a.BoxTest|org.a.BoxTest|closes|:0|10|java.lang.Error|null|java.lang.Error\n\tat "
          "Box:1\n"
          "7 org.a.BoxTest|org.a.BoxTest|locks|:0|0|||\n"},
    {surefire, "1 a.SlowTest|a.SlowTest|long|:0|1234500|||\n"
               "1 a.SlowTest|a.SlowTest|shaky|:0|200||| flaky\n"
               "1 a.SlowTest|a.SlowTest|shaken|:0|200||| flaky\n"
               "2 a.SlowTest|a.SlowTest|bad|:0|100|E|1st|one\n"},
    {pytest1, "1 pytest|tests.test_a.TestBox|test_b[x-1]|tests/test_a.py:4|2|||\n"
              "2 pytest|tests.test_a|test_c|tests/test_a.py:9|1||assert 1 == 2\nmore|def "
              "test_c():\n> x\n"
              "7 pytest|tests.test_a|test_d|tests/test_a.py:12|0|pytest.skip|later|"
              "tests/test_a.py:12: later\n"},
    {pytest2, "2 pytest|tests.test_a|test_c|:0|1||no|in the test\nin its teardown\n"
              "5 pytest||tests.test_b|:0|0||collection failure|SyntaxError\n"},
    {gtest, "1 Box|Box|Opens|box.cc:7|4|||\n"
            "7 Box|Box|DISABLED_Shuts|box.cc:9|0|||\n"
            "7 Box|Box|Waits|box.cc:11|0||box.cc:12\nno|box.cc:12\nno\n"
            "2 Box|Box|Fits|box.cc:15|1||a|a\nb\n"},
    {rspec, "2 rspec1|spec.models.box_spec|Box opens|./spec/models/box_spec.rb:0|0|"
            "RSpec::Expectations::ExpectationNotMetError|expected: 1|Failure/Error: x\n"
            "7 rspec1|spec.models.box_spec|Box waits|./spec/models/box_spec.rb:0|0|||\n"},
    {jest, "2 box|box opens|box opens|src/box.test.js:0|12|||Error: no\n    at x\n"},
    {gotestsum, "2 ex.org/box|ex.org/box|TestOpen|:0|0||Failed|=== RUN\n"
                "1 ex.org/box|ex.org/box|TestShut/a|:0|50|||\n"},
    {phpunit, "1 App\\BoxTest|App.BoxTest|testOpen|/app/tests/BoxTest.php:12|100|||\n"
              "2 App\\BoxTest::testFits|App.BoxTest|testFits with data set #0|"
              "/app/tests/BoxTest.php:20|50|PHPUnit\\Framework\\Failed||no\n"},
};

static void what_tools_write_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
        assert_string_equal(parse(samples[i].text), samples[i].cases);
}

static void any_pieces_give_the_same(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 2, 3, 7, 64};
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
            size_t length = strlen(samples[i].text);
            assert_int_equal(parse_pieces(samples[i].text, length, pieces[k]), 0);
            assert_string_equal(strbuf_text(&cases), samples[i].cases);
        }
    }
}

static void what_is_torn_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        const char *text = samples[i].text;
        size_t whole = strlen(text);
        while (text[whole - 1] == '\n')
            whole--;
        for (size_t n = 0; n < whole; n++) {
            AUTO_FREE char *torn = xmemdup(text, n ? n : 1);
            assert_string_equal(parse_bytes(torn, n), "refused");
            assert_int_equal(parse_pieces(torn, n, 1), -1);
        }
        assert_string_equal(parse_bytes(text, whole), samples[i].cases);
    }
}

static void what_is_no_junit_file_is_refused(void **state)
{
    (void)state;
    assert_refused("", "no element found");
    assert_refused(" \n", "no element found");
    assert_refused("{\"tests\": 1}", "line 1: ");
    assert_refused("<html><testsuite/></html>", "begins with html");
    assert_refused("<testcase name=\"a\"/>", "begins with testcase");
    assert_refused("<TestSuite/>", "begins with TestSuite");
    assert_refused("<x:testsuite xmlns:x=\"urn:x\"/>", "begins with x:testsuite");
    assert_refused("<testsuite></testsuites>", "mismatched tag");
    assert_refused("<testsuite/><testsuite/>", "junk after document element");
    assert_refused("<testsuite/>x", "junk after document element");
    assert_refused("<testsuite name=\"a\" name=\"b\"/>", "duplicate attribute");
    assert_refused("<testsuite>\n\n<testcase></testsuite>", "line 3: ");
    assert_string_equal(parse("<testsuites/>"), "");
}

static void what_stands_in_the_wrong_place_is_refused(void **state)
{
    (void)state;
    assert_refused("<testsuite><testcase><testcase/></testcase></testsuite>",
                   "a case inside of a case");
    assert_refused("<testsuite><testcase><x><testcase/></x></testcase></testsuite>",
                   "a case inside of a case");
    assert_refused("<testsuite><testcase><testsuite/></testcase></testsuite>",
                   "a suite inside of a case");
    assert_refused("<testsuite><failure/></testsuite>", "a failure of no case");
    assert_refused("<testsuite>\n<x><error/></x></testsuite>", "line 2: a failure of no case");
    assert_refused("<testsuites><testsuite><testcase/></testsuite><failure/></testsuites>",
                   "a failure of no case");
    /* In a text of its own a failure says whatever it likes. */
    assert_string_equal(
        parse(
            "<testsuite><testcase><failure>a<testcase/><b>c</b></failure></testcase></testsuite>"),
        "2 |||:0|0|||ac\n");
    assert_string_equal(parse("<testsuite><properties/><skipped/></testsuite>"), "");
}

static void counts_have_to_be_explained(void **state)
{
    (void)state;
    assert_refused("<testsuite name=\"a\" failures=\"1\"/>", "no case failed in suite a");
    assert_refused("<testsuite errors=\"2\"><testcase/></testsuite>", "suite without a name");
    assert_refused("<testsuite failures=\"1\"><testcase><skipped/></testcase></testsuite>",
                   "it counts failures");
    assert_refused("<testsuites failures=\"1\"><testsuite><testcase/></testsuite></testsuites>",
                   "it counts failures");
    assert_refused("<testsuites failures=\"2\"><testsuite name=\"a\" failures=\"1\"><testcase>"
                   "<failure/></testcase></testsuite><testsuite name=\"b\" failures=\"1\"/>"
                   "</testsuites>",
                   "suite b");
    assert_refused("<testsuite failures=\"18446744073709551616\"/>", "it counts failures");
    assert_string_equal(parse("<testsuite failures=\"0\" errors=\"no\"/>"), "");
    assert_string_equal(parse("<testsuites failures=\"1\"><testsuite><testsuite><testcase><error/>"
                              "</testcase></testsuite></testsuite></testsuites>"),
                        "5 |||:0|0|||\n");
}

static void the_worst_that_is_said_of_a_case_counts(void **state)
{
    (void)state;
    static const struct {
        const char *inside;
        int outcome;
    } all[] = {
        {"<skipped/><failure/>", CIPLUG_FAILED},
        {"<failure/><skipped/>", CIPLUG_FAILED},
        {"<error/><skipped/>", CIPLUG_ERROR},
        {"<flakyFailure/><failure/>", CIPLUG_FAILED},
        {"<system-out>failure</system-out>", CIPLUG_PASSED},
        {"<!-- <failure/> -->", CIPLUG_PASSED},
        {"<![CDATA[<failure/>]]>", CIPLUG_PASSED},
        {"<Failure/>", CIPLUG_PASSED},
        {"<x><failure/></x>", CIPLUG_FAILED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        AUTO_FREE char *text =
            xasprintf("<testsuite><testcase>%s</testcase></testsuite>", all[i].inside);
        AUTO_FREE char *expected = xasprintf("%d |||:0|0|||\n", all[i].outcome);
        assert_string_equal(parse(text), expected);
    }
    /* Some versions of gtest say it only here. */
    assert_string_equal(parse("<testsuite><testcase result=\"skipped\"/></testsuite>"),
                        "7 |||:0|0|||\n");
    /* gtest's word for what did not run is no excuse for a failure. */
    assert_string_equal(
        parse("<testsuite><testcase status=\"notrun\"><failure/></testcase></testsuite>"),
        "2 |||:0|0|||\n");
}

static void durations_are_read_or_nought(void **state)
{
    (void)state;
    static const struct {
        const char *time;
        unsigned long long ms;
    } all[] = {
        {"1.5", 1500},
        {"1,234,567.25", 1234567250},
        {"2e-3", 2},
        {"", 0},
        {"-1", 0},
        {"nan", 0},
        {"inf", 0},
        {"x", 0},
        {"1e300", 1000000000000},
        {"0", 0},
        {"3s", 3000},
    };
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        AUTO_FREE char *text =
            xasprintf("<testsuite><testcase time=\"%s\"/></testsuite>", all[i].time);
        AUTO_FREE char *expected = xasprintf("1 |||:0|%llu|||\n", all[i].ms);
        assert_string_equal(parse(text), expected);
    }
}

static void lines_that_are_none_are_nought(void **state)
{
    (void)state;
    assert_string_equal(parse("<testsuite><testcase line=\"4294967296\"/><testcase line=\"-1\"/>"
                              "<testcase line=\"x\"/><testcase line=\"4294967295\"/></testsuite>"),
                        "1 |||:0|0|||\n1 |||:0|0|||\n1 |||:0|0|||\n1 |||:4294967295|0|||\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_tools_write_is_read),
        cmocka_unit_test(any_pieces_give_the_same),
        cmocka_unit_test(what_is_torn_is_refused),
        cmocka_unit_test(what_is_no_junit_file_is_refused),
        cmocka_unit_test(what_stands_in_the_wrong_place_is_refused),
        cmocka_unit_test(counts_have_to_be_explained),
        cmocka_unit_test(the_worst_that_is_said_of_a_case_counts),
        cmocka_unit_test(durations_are_read_or_nought),
        cmocka_unit_test(lines_that_are_none_are_nought),
    };
    return cmocka_run_group_tests(tests, NULL, forget_cases);
}
