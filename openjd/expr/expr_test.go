package expr_test

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/openjd/expr"
	"github.com/spillway/spillway/openjd/intrange"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scope has values of every kind, and names that are not known yet.
func scope(format expr.PathFormat) expr.Scope {
	frames, err := intrange.Parse("1-5,10")
	if err != nil {
		panic(err)
	}
	values := map[string]expr.Value{
		"Param.Count": expr.Int(3), "Param.Scale": expr.Float(3.5, "3.500"), "Param.Name": expr.String("hero shot"),
		"Param.Frames": expr.Range(frames), "Param.Scene": expr.Path("/shots/s010/hero.0042.exr"),
		"Param.On": expr.Bool(true), "Param.if": expr.Int(1), "x": expr.Int(7),
		"Param.Files": expr.List(expr.ListOf(expr.PathType), []expr.Value{expr.Path("/a/b.c"), expr.Path("/d")}),
		"Task.Frame":  expr.Unresolved(expr.IntType), "Task.Layer": expr.Unresolved(expr.StringType),
		"Task.Chunk": expr.Unresolved(expr.RangeType), "Task.On": expr.Unresolved(expr.BoolType), "Task.File": expr.Unresolved(expr.PathType),
		"Task.Maybe": expr.Unresolved(expr.StringType, expr.NullType), "Task.List": expr.Unresolved(expr.ListOf(expr.StringType)),
	}
	return expr.Scope{Format: format, Lookup: func(name string) (expr.Value, bool) { v, ok := values[name]; return v, ok },
		MapPath: func(path string) string { return strings.Replace(path, "/studio", "/mnt", 1) }}
}

func eval(src string, s expr.Scope, target expr.Target) (expr.Value, error) {
	e, err := expr.Parse(src)
	if err != nil {
		return expr.Value{}, err
	}
	return e.Eval(s, target)
}

func TestValues(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		// 1.1.6, 1.3.4: numbers
		{"0x2A", "42"}, {"0o52", "42"}, {"0b10_10", "10"}, {"1_000", "1000"}, {"00", "0"}, {"1.5e3", "1.5e3"}, {"+1.5e3", "1500.0"}, {".5 + 0", "0.5"},
		{"1e10 + 0", "10000000000.0"}, {"1e16 + 0", "1e+16"}, {"1e-5 + 0", "1e-05"}, {"Param.Scale", "3.500"}, {"Param.Scale + 1", "4.5"}, {"-0.0 + 0", "0.0"},
		// 1.1.5: strings
		{`'a' + "b"`, "ab"}, {`'''a'b'''`, "a'b"}, {`r'\n'`, `\n`}, {`'\x41\u00e9\t'`, "Aé\t"}, {`'\101\d'`, `A\d`}, {"'a\\\nb'", "ab"},
		// 1.3.5, 1.3.6: conditions and chains
		{"1 if true else 2", "1"}, {"1 if False else 2 if false else 3", "3"}, {"1 < 2 < 3", "true"}, {"1 < 3 < 2", "false"}, {"2 > 1 == 1", "true"},
		{"Param.if", "1"}, {"(1 +\n 2)", "3"},
		// 2.1.1: arithmetic
		{"7 / 2", "3.5"}, {"6 / 2", "3.0"}, {"-7 // 2", "-4"}, {"-7 % 3", "2"}, {"7 % -3", "-2"}, {"7.5 // 2", "3"}, {"-7.5 % 2", "0.5"}, {"2 ** 10", "1024"},
		{"2 ** -1", "0.5"}, {"-2 ** 2", "-4"}, {"2 ** 3 ** 0", "2"}, {"1 + 2 * 3", "7"}, {"-9223372036854775808", "-9223372036854775808"}, {"1 + 2.5", "3.5"},
		{"-9223372036854775808 % -1", "0"}, {"3 * -4", "-12"},
		// 2.1.2, 2.1.3: strings and lists
		{"'ab' * 3", "ababab"}, {"'b' in 'abc'", "true"}, {"'b' not in 'abc'", "false"}, {"[1] + [2.5]", "[1.0, 2.5]"}, {"[] + ['a']", `["a"]`}, {"[0] * 3", "[0, 0, 0]"},
		{"Param.Frames + [11]", "[1, 2, 3, 4, 5, 10, 11]"}, {"3 in Param.Frames", "true"}, {"6 in Param.Frames", "false"}, {"'frames ' + Param.Frames", "frames 1-5,10"},
		{"path('/a') in ['/a']", "true"}, {"1 in []", "false"},
		// 1.2.5, 2.1.4: comparisons
		{"5 == 5.0", "true"}, {"true == 1", "false"}, {"'5' == 5", "false"}, {"path('/a') == '/a'", "true"}, {"[1, 2, 3] == range_expr('1-3')", "true"},
		{"[1, 2] < [1, 2, 3]", "true"}, {"null == null", "true"}, {"null != 1", "true"}, {"false < true", "true"}, {"[[1]] == [[1.0]]", "true"}, {"1 == [1]", "false"},
		// 2.1.6: and, or, not
		{"null or 'a'", "a"}, {"0 or 5", "0"}, {"false and fail('no')", "false"}, {"'' and 'b'", "b"}, {"not false", "true"}, {"true or fail('no')", "true"},
		// 2.1.7, 2.1.8: indices and slices
		{"[10, 20, 30][-1]", "30"}, {"'héllo'[1]", "é"}, {"Param.Frames[5]", "10"}, {"[1, 2, 3, 4][1:3]", "[2, 3]"}, {"'hello'[::-1]", "olleh"}, {"[1, 2, 3][5:]", "[]"},
		{"Param.Frames[1:3]", "2,3"}, {"Param.Frames[::-1]", "[10, 5, 4, 3, 2, 1]"}, {"Param.Frames[::2]", "1-5:2"}, {"[1, 2, 3][-2:]", "[2, 3]"}, {"'abc'[3:0:-2]", "c"},
		// 1.3.7: comprehensions
		{"[v * 2 for v in [1, 2, 3] if v > 1]", "[4, 6]"}, {"[[v] for v in range(2)]", "[[0], [1]]"}, {"[f for f in Param.Frames if f > 4]", "[5, 10]"},
		// 2.2.1: conversions
		{"len('héllo')", "5"}, {"len(Param.Frames)", "6"}, {"bool('Yes')", "true"}, {"bool(0)", "false"}, {"string(null)", "null"}, {"string([1, 2])", "[1, 2]"},
		{"int(3.0)", "3"}, {"int('-7')", "-7"}, {"float('2.50')", "2.50"}, {"list(range_expr('1-3'))", "[1, 2, 3]"}, {"range_expr([5, 1, 2, 3])", "1-3,5"}, {"range_expr([1, 3, 5])", "1-5:2"},
		// 2.2.2: mathematics
		{"abs(-3)", "3"}, {"min(1, 2.5)", "1.0"}, {"max([1, 5, 3])", "5"}, {"sum(Param.Frames)", "25"}, {"sum([])", "0"}, {"floor(-1.5)", "-2"}, {"ceil(1.2)", "2"},
		{"round(2.5)", "2"}, {"round(3.5, 2)", "3.50"}, {"round(1234.5, -1)", "1230"}, {"round(15, -1)", "20"}, {"min(Param.Frames)", "1"}, {"sum(range_expr('1-4000000000'))", "8000000002000000000"},
		// 2.2.3: lists
		{"range(5, 0, -2)", "[5, 3, 1]"}, {"flatten([[1], [2, 3]])", "[1, 2, 3]"}, {"sorted(['b', 'a'])", `["a", "b"]`}, {"reversed([1, 2])", "[2, 1]"}, {"unique([1, 2, 1])", "[1, 2]"},
		{"any([false, true])", "true"}, {"all([])", "true"}, {"[3, 1].sorted()", "[1, 3]"},
		// 2.2.4: strings
		{"Param.Name.upper()", "HERO SHOT"}, {"'hELLO w'.capitalize()", "Hello w"}, {"'ab cd'.title()", "Ab Cd"}, {"' a '.strip()", "a"}, {"'xax'.strip('x')", "a"}, {"'a,b,c'.split(',')", `["a", "b", "c"]`},
		{"'a,b,c'.rsplit(',', 1)", `["a,b", "c"]`}, {"' a  b '.split()", `["a", "b"]`}, {"''.split(',')", `[""]`}, {"['a', 'b'].join('-')", "a-b"}, {"[].join(',')", ""}, {"'x'.center(4)", " x  "},
		{"(42).zfill(5)", "00042"}, {"zfill(-1, 3)", "-01"}, {"zfill(3.14, 8)", "00003.14"}, {"'banana'.rfind('an')", "3"}, {"'banana'.count('an')", "2"}, {"'ab'.isalpha()", "true"}, {"'Ab1'.isupper()", "false"},
		{"'a.b'.replace('.', '')", "ab"}, {"''.isascii()", "true"}, {"'abc'.removeprefix('a').removesuffix('c')", "b"},
		// 2.2.5: regular expressions
		{`re_search('asset_v042_final.abc', r'_v(\d+)')`, `["_v042", "042"]`}, {`re_match('asset_v042', r'v(\d+)')`, ""}, {`re_match('asset', 'z') == null`, "true"}, {`re_findall('s1_s2', r's(\d)')`, `["1", "2"]`},
		{`re_findall('v1.2 v3.4', r'v(\d)\.(\d)')`, `[["1", "2"], ["3", "4"]]`}, {`re_sub('f_001', r'\d+', '002')`, "f_002"}, {`re_escape('f[1].txt')`, `f\[1\]\.txt`}, {`re_split('a1b2c', r'\d')`, `["a", "b", "c"]`},
		{`re_search('é٣', r'\w\d') != null`, "true"},
		// 2.2.6: quoting
		{`repr_sh(['echo', 'hello world', "it's", ''])`, `echo 'hello world' 'it'"'"'s' ''`}, {`repr_cmd('a ^ b%')`, `"a ^^ b%%"`}, {`repr_pwsh(["a'b", 'c'])`, "@('a''b', 'c')"}, {"repr_pwsh(true)", "$true"},
		{`repr_py("hello\nworld")`, `'hello\nworld'`}, {`repr_py("it's")`, `"it's"`}, {"repr_py([true, false])", "[True, False]"}, {"repr_py(null)", "None"}, {"repr_json([1, 2, 3])", "[1, 2, 3]"}, {`repr_json('a"b<')`, `"a\"b<"`},
		{"repr_py(Param.Frames)", "'1-5,10'"},
		// 2.1.5, 2.3: paths
		{"Param.Scene.name", "hero.0042.exr"}, {"Param.Scene.stem", "hero.0042"}, {"Param.Scene.suffix", ".exr"}, {"Param.Scene.suffixes", `[".0042", ".exr"]`}, {"Param.Scene.parent", "/shots/s010"},
		{"Param.Scene.parts", `["/", "shots", "s010", "hero.0042.exr"]`}, {"Param.Scene.parent / 'out' / 'a.png'", "/shots/s010/out/a.png"}, {"Param.Scene / '/abs'", "/abs"}, {"path('/a/b') + '.x'", "/a/b.x"},
		{"path('/a//b/./c/')", "/a/b/c"}, {"path('/').parent", "/"}, {"path('')", "."}, {"path(['/', 'a', 'b'])", "/a/b"}, {"Param.Scene.with_suffix('.png').name", "hero.0042.png"}, {"Param.Scene.with_stem('x').name", "x.exr"},
		{"Param.Scene.with_name('y')", "/shots/s010/y"}, {"Param.Scene.with_number(7)", "/shots/s010/hero.0007.exr"}, {"'f_####.exr'.with_number(-1)", "f_-001.exr"}, {"'f_%04d.exr'.with_number(72)", "f_0072.exr"},
		{"'f_%d.exr'.with_number(72)", "f_72.exr"}, {"'f.exr'.with_number(72)", "f_0072.exr"}, {"'f_###.exr'.with_number(10000)", "f_10000.exr"}, {"Param.Scene.is_absolute()", "true"}, {"Param.Scene.is_relative_to('/shots')", "true"},
		{"Param.Scene.relative_to('/shots')", "s010/hero.0042.exr"}, {"path('.bashrc').suffix", ""}, {"apply_path_mapping('/studio/a')", "/mnt/a"}, {"startswith(path('/foo'), '/f')", "true"},
		{"path('s3://bucket/a//b/c').parts", `["s3://bucket", "a", "", "b", "c"]`}, {"path('s3://bucket/dir/') / 'file'", "s3://bucket/dir/file"}, {"path('s3://bucket/d/f.obj').parent", "s3://bucket/d"}, {"path('s3://b/k').is_absolute()", "true"},
		{"path('s3://b/d/f').relative_to(path('s3://b/d'))", "f"}, {"Param.Files", `["/a/b.c", "/d"]`}, {"[f.name for f in Param.Files]", `["b.c", "d"]`},
	} {
		got, err := eval(c.src, scope(expr.Posix), expr.Target{})
		if err != nil || got.Text() != c.want {
			t.Errorf("%s: %q, %v, want %q", c.src, got.Text(), err, c.want)
		}
	}
}

func TestWindowsPaths(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{`path(r'C:\a/b')`, `C:\a\b`}, {`path(r'C:\a') / 'b'`, `C:\a\b`}, {`path(r'C:\a') / r'D:\b'`, `D:\b`}, {`path(r'C:\a') / r'\b'`, `C:\b`},
		{`path(r'\\server\share\x').parts`, `["\\\\server\\share\\", "x"]`}, {`path(r'\\server\share\x').parent`, `\\server\share\`}, {`path('c:/A/b').is_relative_to('C:/a')`, "true"},
		{`path(r'C:\a\b.txt').as_posix()`, "C:/a/b.txt"}, {`path('a').is_absolute()`, "false"}, {`path('s3://b/k/x').name`, "x"},
	} {
		got, err := eval(c.src, scope(expr.Windows), expr.Target{})
		if err != nil || got.Text() != c.want {
			t.Errorf("%s: %q, %v, want %q", c.src, got.Text(), err, c.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		src  string
		at   int
		want string
	}{
		{"", 0, "no expression"}, {"1 +", 3, "ends too early"}, {"1 2", 2, `unexpected "2"`}, {"007", 0, "octal numbers"}, {"1__0", 0, "not a number"}, {"9223372036854775808", 0, "64 bits"},
		{"'a", 0, "not closed"}, {"a b", 2, "unexpected"}, {"[1, null]", 4, "cannot hold null"}, {"[1, 'a']", 4, "both int and string"}, {"1 if 1 else 2", 5, "a condition must be a bool"},
		{"[v for V in [1]]", 7, "not a loop variable"}, {"[x for x in [1]]", 0, "hides another value"}, {"[v for v in 3]", 12, "cannot loop over int"}, {"[[[1]]]", 0, "nested"},
		{"Param.Nme", 0, "has no value here"}, {"fial('x')", 0, `did you mean "fail"?`}, {"Param.Scene.nme", 0, `did you mean "name"?`}, {"Param.Scene.upper", 0, "call it: upper()"}, {"Param.Scene.upper()", 0, "has no method"},
		{"upper(1)", 0, "it takes (string)"}, {"'a' + 1", 4, "string + int is not defined"}, {"1 / 0", 2, "division by zero"}, {"1.0 // 0", 4, "division by zero"}, {"9223372036854775807 + 1", 20, "does not fit"}, {"1e300 * 1e300", 6, "not a finite"},
		{"0 ** -1", 2, "no negative power"}, {"(-2.0) ** 0.5", 7, "no fractional power"}, {"[1][1]", 3, "out of bounds"}, {"[1][::0]", 3, "must not be 0"}, {"not 1", 0, "cannot be applied"}, {"1 < 'a'", 2, "not defined"},
		{"int('x')", 0, "not an integer"}, {"int(3.5)", 0, "not an integer"}, {"float('inf')", 0, "not a finite"}, {"bool('maybe')", 0, "neither true"}, {"bool(Param.Scene)", 0, "Cannot convert path"}, {"range_expr('')", 0, "empty"},
		{"min([])", 0, "non-empty"}, {"'a'.split('')", 4, "needs a separator"}, {"'a'.index('b')", 4, "does not hold"}, {"re_search('a', '')", 0, "is empty"}, {`re_search('a', r'(?=b)')`, 0, "not supported"}, {`re_search('a', r'(a)\1')`, 0, "refers back"},
		{`re_sub('a', 'a', r'\1')`, 0, "refers to a group"}, {"re_search('a', '(')", 0, "not a regular expression"}, {"fail('no ' + 'way')", 0, "no way"}, {"path('/').with_name('a')", 10, "no file name"}, {"path('/a').with_suffix('b')", 11, "not a suffix"},
		{"'f_%040d'.with_number(1)", 10, "at most 32"}, {"path('/a').relative_to('/b')", 11, "does not lie below"}, {"Param.Scene[0]", 11, "cannot be indexed"}, {"1()", 1, "no function"}, {"a.b.", 4, "ends too early"}, {"x ? 1", 2, "unexpected"},
		{strings.Repeat("(", 1000), 100, "nested"}, {strings.Repeat("-", 1000) + "1", 99, "nested"}, {"[1][:::]", 3, "at most two colons"}, {"1 == ", 5, "ends too early"}, {`'\N{DASH}'`, 1, "by their names"},
	} {
		_, err := eval(c.src, scope(expr.Posix), expr.Target{})
		wrong := &expr.Error{At: -1}
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) || wrong.At != c.at {
			t.Errorf("%.40s: %v at %d, want %q at %d", c.src, err, wrong.At, c.want, c.at)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"'a' * 200000000", "memory"}, {"['a' * 100000 for v in range(1000)]", "memory"}, {"[0] * 9223372036854775807", "operations"}, {"range(100000000)", "operations"}, {"[[v for v in range(1000)] for w in range(1000)]", "memory"},
		{"sum([sum([w * v for v in range(1000)]) for w in range(1000)])", "operations"}, {"list(range_expr('1-9000000000000000000'))", "operations"}, {"'ab'.ljust(1000000000000)", "memory"},
		{"('a' * 10000).replace('a', 'b' * 100000)", "memory"}, {"[v for v in range_expr('1-1000000000000')]", "operations"}, {"zfill(1, 99999999999)", "memory"},
	} {
		s := scope(expr.Posix)
		s.Budget = &expr.Budget{Operations: 50_000, Memory: 4_000_000}
		_, err := eval(c.src, s, expr.Target{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.src, err, c.want)
		}
	}
	small := scope(expr.Posix)
	small.Budget = &expr.Budget{Operations: 100, Memory: 1 << 20}
	for range 3 {
		if _, err := eval("sum(range(20))", small, expr.Target{}); err != nil && small.Budget.Operations > 0 {
			t.Errorf("%v with %d operations left", err, small.Budget.Operations)
		}
	}
	if small.Budget.Operations != 0 {
		t.Errorf("%d operations are left of a budget that three evaluations share", small.Budget.Operations)
	}
}

func TestTargets(t *testing.T) {
	texts := expr.Target{Types: []expr.Type{expr.StringType, expr.ListOf(expr.StringType)}, Optional: true}
	numbers := expr.Target{Types: []expr.Type{expr.IntType}, Optional: true}
	for _, c := range []struct {
		src    string
		target expr.Target
		want   string // type and text
		wrong  string
	}{
		{"1", texts, "string 1", ""}, {"['-q', 90]", texts, `list[string] ["-q", "90"]`, ""}, {"null", texts, "nulltype ", ""}, {"Param.Files", texts, `list[string] ["/a/b.c", "/d"]`, ""}, {"true", texts, "string true", ""},
		{"Param.Frames", texts, "string 1-5,10", ""}, {"['a', 1] if Param.On else null", texts, `list[string] ["a", "1"]`, ""}, {"'12'", numbers, "int 12", ""}, {"2.0", numbers, "int 2", ""}, {"2.5", numbers, "", "not an integer"},
		{"[1]", numbers, "", "is list[int], must be int?"}, {"null", expr.Target{Types: []expr.Type{expr.IntType}}, "", "is null, must be int"}, {"'a'", expr.Target{Types: []expr.Type{expr.PathType}}, "path a", ""},
		{"Param.Frames", expr.Target{Types: []expr.Type{expr.ListOf(expr.IntType)}}, "list[int] [1, 2, 3, 4, 5, 10]", ""}, {"[]", texts, "list[string] []", ""}, {"1", expr.Target{Types: []expr.Type{expr.FloatType}}, "float 1.0", ""},
		{"true", numbers, "", "is bool, must be int?"}, {"'1-3'", expr.Target{Types: []expr.Type{expr.RangeType}}, "range_expr 1-3", ""},
	} {
		got, err := eval(c.src, scope(expr.Posix), c.target)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v, want %q", c.src, err, c.wrong)
			}
			continue
		}
		if text := got.Type().String() + " " + got.Text(); err != nil || text != c.want {
			t.Errorf("%s: %q, %v, want %q", c.src, text, err, c.want)
		}
	}
}

// TestTypesOfWhatIsNotKnown evaluates with unresolved values: the types that come out, or the error that is sure.
func TestTypesOfWhatIsNotKnown(t *testing.T) {
	for _, c := range []struct{ src, want, wrong string }{
		{"Task.Frame + 1", "int", ""}, {"Task.Frame / 2", "float", ""}, {"Task.Layer.upper()", "string", ""}, {"Task.File / Task.Layer", "path", ""}, {"Task.File.parent.name", "string", ""}, {"[f * 2.0 for f in Task.Chunk]", "list[float]", ""},
		{"'a' if Task.On else 1", "string | int", ""}, {"'a' if Task.On else null", "string?", ""}, {"Task.Frame if Task.On else fail('no')", "int", ""}, {"Task.On or fail('no')", "bool", ""}, {"Task.Maybe or 'none'", "string", ""},
		{"Task.List[0]", "string", ""}, {"[Task.Frame, 1.5]", "list[float]", ""}, {"Task.Frame < 3", "bool", ""}, {"re_match(Task.Layer, 'a')", "list[string]?", ""}, {"len(Task.Chunk) > 1 and Task.Frame > 1", "bool", ""}, {"Task.Chunk[1:]", "range_expr", ""},
		{"sorted(Task.List)", "list[string]", ""}, {"Task.Frame in [1, 2]", "bool", ""}, {"Task.Layer + 1", "", "string + int"}, {"Task.Frame.upper()", "", "int has no method upper"}, {"1 if Task.Frame else 2", "", "must be a bool"}, {"Task.Frame.name", "", "no property"},
		{"fial('x') if Task.On else 1", "", "no function"}, {"Task.On or Param.Nme", "", "no value here"}, {"fail('a') if Task.On else fail('b')", "", "a"}, {"[Task.Maybe]", "list[string]", ""}, {"[v for v in Task.Frame]", "", "cannot loop over int"},
	} {
		got, err := eval(c.src, scope(expr.Posix), expr.Target{})
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v, want %q", c.src, err, c.wrong)
			}
			continue
		}
		var types []string
		null := ""
		for _, one := range got.Types() {
			if one == expr.NullType {
				null = "?"
			} else {
				types = append(types, one.String())
			}
		}
		if text := strings.Join(types, " | ") + null; err != nil || !got.IsUnresolved() || text != c.want {
			t.Errorf("%s: %q, %v, want %q", c.src, text, err, c.want)
		}
	}
}

func FuzzEval(f *testing.F) {
	for _, src := range []string{
		"1 + 2 * Param.Count", "[v for v in Param.Frames if v > 2][::-1]", "Param.Scene.with_number(Task.Frame) / 'a'", `re_findall('a1', r'([a-z])(\d)')`, "'a' if Task.On else ['b', 1]", "-9223372036854775808 // -1",
		"round(1.5e300, -299)", `'\U0010ffff'.title()`, "[1, 2][9223372036854775807:-9223372036854775808:-9223372036854775808]", "path('//a/../b').parts", "range_expr('1-9:2')[::3] + 'x'", "flatten([[]])", "{{", "null or null",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		e, err := expr.Parse(src)
		if err != nil {
			checkError(t, src, err)
			return
		}
		for _, format := range []expr.PathFormat{expr.Posix, expr.Windows} {
			for _, target := range []expr.Target{{}, {Types: []expr.Type{expr.StringType, expr.ListOf(expr.StringType)}, Optional: true}} {
				s := scope(format)
				s.Budget = &expr.Budget{Operations: 20_000, Memory: 1 << 22}
				v, err := e.Eval(s, target)
				if err != nil {
					checkError(t, src, err)
				} else if v.Text() != "" && v.IsNull() {
					t.Fatal("null has a text")
				}
			}
		}
	})
}

func checkError(t *testing.T, src string, err error) {
	var wrong *expr.Error
	if !errors.As(err, &wrong) || wrong.At < 0 || wrong.At > len(src) || wrong.Message == "" {
		t.Fatalf("%q: error %#v", src, err)
	}
}
