use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A space with a condition on a condition.
fn tree() -> Space {
    Space::new(vec![
        Parameter::new("exit", Domain::choice(["stop", "time"])),
        Parameter::new("trail", Domain::Choice(vec![Value::Bool(false), Value::Bool(true)]))
            .when("exit", [text("stop")]),
        Parameter::new("atr", Domain::Grid(vec![1.5, 2.0, 3.0])).when("trail", [Value::Bool(true)]),
        Parameter::new("bars", Domain::Int { low: 5, high: 20, step: 5, log: false }).when("exit", [text("time")]),
        Parameter::new("fast", Domain::int(3, 4)),
    ])
    .unwrap()
}

#[test]
fn a_grid_has_each_point_once_and_no_more() {
    let grid = Grid::new(&tree(), None).unwrap();
    // stop: (no trail 1 + trail 3) * 2 + time: 4 * 2.
    assert_eq!(grid.size(), 16);
    let seen: BTreeSet<String> =
        (0..16).map(|number| format!("{:?}", tree().values(&grid.point(number).unwrap()))).collect();
    assert_eq!(seen.len(), 16);
    assert!(grid.point(16).is_none());
    assert_eq!(
        tree().values(&grid.point(2).unwrap()),
        [("exit", text("stop")), ("trail", Value::Bool(true)), ("atr", Value::Float(1.5)), ("fast", Value::Int(3))]
    );
}

#[test]
fn a_continuous_parameter_needs_levels() {
    let space = Space::new(vec![Parameter::new("x", Domain::log(1.0, 100.0))]).unwrap();
    assert_eq!(Grid::new(&space, None).unwrap_err(), SpaceError::Continuous { name: "x".into() });
    let grid = Grid::new(&space, Some(3)).unwrap();
    let codes: Vec<f64> = (0..3).map(|n| grid.point(n).unwrap().0[0].unwrap()).collect();
    assert_eq!(codes.iter().map(|code| code.round()).collect::<Vec<_>>(), [1.0, 10.0, 100.0]);
}

#[test]
fn what_is_wrong_is_said() {
    let one = |domain| Space::new(vec![Parameter::new("x", domain)]).unwrap_err().to_string();
    assert_eq!(one(Domain::int(5, 4)), "parameter `x`: low 5 is above high 4");
    assert_eq!(one(Domain::log(0.0, 1.0)), "parameter `x`: a log range needs low above 0 and no step");
    assert!(one(Domain::float(0.0, f64::NAN)).contains("no range of finite numbers"));
    assert!(one(Domain::Grid(vec![1.0, 1.0])).contains("rising order"));
    assert!(one(Domain::choice(["a", "b", "a"])).contains("is there twice"));
    assert!(one(Domain::Int { low: 0, high: 9, step: 0, log: false }).contains("step 0"));
    assert_eq!(Space::new(vec![]).unwrap_err(), SpaceError::Empty);

    let two = |when: &str, value| {
        let parameters = vec![
            Parameter::new("mode", Domain::choice(["a", "b"])),
            Parameter::new("x", Domain::int(0, 1)).when(when, [value]),
        ];
        Space::new(parameters).unwrap_err().to_string()
    };
    assert!(two("mod", text("a")).contains("no earlier parameter"));
    assert_eq!(two("mode", text("c")), "parameter `x` depends on `mode` being \"c\", which `mode` never is");
}

#[test]
fn it_is_written_in_toml_as_in_the_manual() {
    #[derive(Deserialize)]
    struct File {
        space: Space,
    }
    let file: File = toml::from_str(
        r#"
        space = [
            { name = "fast", domain = { int = { low = 5, high = 50 } } },
            { name = "risk", domain = { float = { low = 0.001, high = 0.1, log = true } } },
            { name = "atr", domain = { grid = [1.5, 2, 3] } },
            { name = "exit", domain = { choice = ["stop", "time"] } },
            { name = "bars", domain = { int = { low = 1, high = 9, step = 2 } }, when = { parameter = "exit", any_of = ["time"] } },
        ]"#,
    )
    .unwrap();
    assert_eq!(file.space.parameters()[0].domain, Domain::int(5, 50));
    assert_eq!(file.space.parameters()[4].domain.levels(), Some(5));
    let misspelt = r#"space = [{ name = "x", domain = { int = { low = 5, high = 50, stpe = 5 } } }]"#;
    let error = toml::from_str::<File>(misspelt).err().unwrap().to_string();
    assert!(error.contains("stpe"), "{error}");
}

#[test]
fn values_and_points_are_the_same_thing() {
    let space = tree();
    let point = space.point(&[("exit", text("time")), ("bars", Value::Int(10)), ("fast", Value::Int(4))]).unwrap();
    assert_eq!(point.codes(), [Some(1.0), None, None, Some(10.0), Some(4.0)]);
    let wrong = |values: &[(&str, Value)]| space.point(values).unwrap_err().to_string();
    assert!(wrong(&[("exit", text("time")), ("fast", Value::Int(4))]).contains("`bars`: missing"));
    assert!(wrong(&[("exit", text("no"))]).contains("expected one of \"stop\" \"time\", got \"no\""));
    let far = [("exit", text("time")), ("bars", Value::Int(11)), ("fast", Value::Int(4))];
    assert!(wrong(&far).contains("a whole number of 5..=20 in steps of 5, got 11"));
}

#[test]
fn neighbours_are_one_step_away() {
    let space = tree();
    let point = space.point(&[("exit", text("time")), ("bars", Value::Int(10)), ("fast", Value::Int(4))]).unwrap();
    let near: Vec<String> = space.neighbours(&point, 0.1).iter().map(|p| format!("{:?}", p.codes())).collect();
    assert_eq!(
        near,
        [
            "[Some(1.0), None, None, Some(5.0), Some(4.0)]",
            "[Some(1.0), None, None, Some(15.0), Some(4.0)]",
            "[Some(1.0), None, None, Some(10.0), Some(3.0)]",
        ]
    );
}

fn domains() -> impl Strategy<Value = Domain> {
    prop_oneof![
        (-1000i64..1000, 0i64..500, 1u64..40).prop_map(|(low, span, step)| Domain::Int {
            low,
            high: low + span,
            step,
            log: false
        }),
        (1i64..1000, 0i64..5000).prop_map(|(low, span)| Domain::Int { low, high: low + span, step: 1, log: true }),
        (-1e6f64..1e6, 0.0f64..1e6).prop_map(|(low, span)| Domain::float(low, low + span)),
        (1e-9f64..1e6, 0.0f64..1e6).prop_map(|(low, span)| Domain::log(low, low + span)),
        (-1e3f64..1e3, 0.0f64..1e3, 1e-3f64..10.0).prop_map(|(low, span, step)| Domain::Float {
            low,
            high: low + span,
            step: Some(step),
            log: false
        }),
        prop::collection::btree_set(-1000i32..1000, 1..20)
            .prop_map(|values| Domain::Grid(values.into_iter().map(|v| f64::from(v) * 0.1).collect())),
        (1usize..9).prop_map(|n| Domain::Choice((0..n as i64).map(Value::Int).collect())),
    ]
}

proptest! {
    #[test]
    fn every_share_of_a_domain_is_a_value_of_it(domain in domains(), u in 0.0f64..1.0) {
        prop_assume!(domain.check().is_ok());
        let code = domain.at(u);
        prop_assert_eq!(domain.code(&domain.value(code)), Some(code));
        let share = domain.share_of(code);
        prop_assert!((0.0..=1.0).contains(&share));
        // The middle of a level is that level again.
        let again = domain.at(share.min(1.0 - 1e-12));
        match domain.levels() {
            Some(_) => prop_assert_eq!(again, code),
            None => prop_assert!((again - code).abs() <= 1e-9 * (1.0 + code.abs())),
        }
        for near in domain.steps_from(code, 0.05) {
            prop_assert!(domain.code(&domain.value(near)).is_some());
        }
    }

    #[test]
    fn a_point_survives_a_text_format(u in prop::collection::vec(0.0f64..1.0, 5)) {
        let point = tree().point_by(|index, domain| domain.at(u[index]));
        let again: Point = serde_json::from_str(&serde_json::to_string(&point).unwrap()).unwrap();
        prop_assert_eq!(again, point);
    }
}
