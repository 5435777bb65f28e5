//! Headers as they should be, as they should not be, and as nobody would write them.

use proptest::prelude::*;

use super::*;

fn file(version: u8, dictionary: &str) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([version, 0]);
    match version {
        1 => bytes.extend((dictionary.len() as u16).to_le_bytes()),
        _ => bytes.extend((dictionary.len() as u32).to_le_bytes()),
    }
    bytes.extend(dictionary.as_bytes());
    bytes
}

fn of(dictionary: &str) -> Result<Layout, HeaderFault> {
    parse(&file(1, dictionary))
}

#[test]
fn every_version_order_and_dimension_is_read() {
    let layout = parse(&file(2, "{'descr': '>f4', 'fortran_order': True, 'shape': (3, 5)}")).unwrap();
    assert_eq!((layout.dtype, layout.big_endian, layout.fortran), (DType::F32, true, true));
    assert_eq!((layout.rows, layout.cols, layout.dims), (3, 5, 2));
    assert_eq!((layout.row_bytes(), layout.data_bytes()), (20, 60));
    let layout = parse(&file(3, "{'shape': (7,), 'fortran_order': True, 'descr': '|b1', }\n")).unwrap();
    assert_eq!((layout.rows, layout.cols, layout.dims, layout.fortran), (7, 1, 1, false));
}

#[test]
fn a_header_that_says_too_little_too_much_or_nonsense_is_refused() {
    for (dictionary, fault) in [
        ("{'descr': '<i8', 'fortran_order': False}", "it does not say \"shape\""),
        ("{'descr': '<i8', 'shape': (1,)}", "it does not say \"fortran_order\""),
        ("{'fortran_order': False, 'shape': (1,)}", "it does not say \"descr\""),
        ("{'descr': '<i8', 'fortran_order': 0, 'shape': (1,)}", "\"fortran_order\" is neither True nor False"),
        ("{'descr': '<i8', 'fortran_order': False, 'shape': 1}", "\"shape\" is not a tuple"),
        (
            "{'descr': '<i8', 'fortran_order': False, 'shape': (-1,)}",
            "\"shape\" holds something else than whole numbers",
        ),
        ("{'descr': '<i8', 'descr': '<i8', 'fortran_order': False, 'shape': (1,)}", "it says \"descr\" twice"),
        ("{'x': 1, 'descr': '<i8', 'fortran_order': False, 'shape': (1,)}", "it has an unknown key \"x\""),
        ("('descr',)", "it is not a dictionary"),
    ] {
        assert_eq!(of(dictionary), Err(HeaderFault::Broken(fault.into())), "{dictionary}");
    }
}

#[test]
fn what_we_do_not_read_is_named() {
    let faults = |descr: &str, shape: &str| {
        of(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}")).unwrap_err()
    };
    assert_eq!(faults("'<c16'", "(1,)"), HeaderFault::ElementType("'<c16'".into()));
    assert_eq!(faults("[('a', '<i8')]", "(1,)"), HeaderFault::ElementType("[('a', '<i8')]".into()));
    assert_eq!(faults("'<i8'", "()"), HeaderFault::Dimensions(0));
    assert_eq!(faults("'<i8'", "(2, 3, 4)"), HeaderFault::Dimensions(3));
    let version = parse(b"\x93NUMPY\x04\x00\x00\x00").unwrap_err();
    assert_eq!(version, HeaderFault::Version(4, 0));
    assert_eq!(parse(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").unwrap_err(), HeaderFault::TooLong(u32::MAX.into()));
}

#[test]
fn absurd_shapes_are_refused_before_any_arithmetic_overflows() {
    for shape in ["(9223372036854775807, 2)", "(4294967296, 4294967296)", "(1152921504606846976,)"] {
        let text = format!("{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}}}");
        assert_eq!(of(&text), Err(HeaderFault::Shape(shape.into())));
    }
    let empty = "{'descr': '<i8', 'fortran_order': False, 'shape': (1152921504606846976, 0)}";
    assert!(matches!(of(empty), Err(HeaderFault::Shape(_))), "NumPy has no such array either");
}

#[test]
fn arrays_without_numbers_may_be_as_long_as_numpy_makes_them() {
    for (shape, rows, cols) in [("(8589934592, 0)", 1 << 33, 0), ("(0, 8589934592)", 0, 1 << 33)] {
        let layout = of(&format!("{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}}}")).unwrap();
        assert_eq!((layout.rows, layout.cols, layout.data_bytes()), (rows, cols, 0));
    }
}

#[test]
fn truth_values_keep_their_name() {
    let name = |descr: &str| {
        of(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (3,)}}")).unwrap().type_name()
    };
    assert_eq!((name("|b1"), name("|u1"), name("<f8")), ("bool", "uint8", "float64"));
}

/// The headers that the hostile tests begin with: every version, both orders, one and two dimensions.
fn seeds() -> Vec<Vec<u8>> {
    vec![
        crate::npy_header(DType::I64, crate::Shape::Matrix(200_000, 5)),
        file(2, "{'descr': '>f4', 'fortran_order': True, 'shape': (3L, 5L), }   \n"),
        file(3, "{'shape': (7,), 'fortran_order': False, 'descr': '|b1'}\n"),
    ]
}

#[test]
fn a_header_cut_at_any_byte_is_a_typed_error() {
    for whole in seeds() {
        for length in 0..whole.len() {
            match parse(&whole[..length]) {
                Err(HeaderFault::NotNpy) => assert_eq!(length, 0),
                Err(HeaderFault::Cut { expected }) => assert!(expected > length as u64),
                other => panic!("cut to {length} bytes: {other:?}"),
            }
        }
        assert!(parse(&whole).is_ok());
    }
}

#[test]
fn a_header_with_any_byte_changed_is_a_typed_error_or_a_possible_layout() {
    for whole in seeds() {
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            for byte in 0..=u8::MAX {
                changed[at] = byte;
                if let Ok(layout) = parse(&changed) {
                    sound(&layout, changed.len());
                }
            }
        }
    }
}

/// What the rest of the crate relies on without checking it again.
fn sound(layout: &Layout, length: usize) {
    assert!(layout.data_offset <= length as u64);
    assert!(layout.dims == 1 && layout.cols == 1 || layout.dims == 2);
    let bytes = u128::from(layout.rows) * u128::from(layout.cols) * layout.dtype.size() as u128;
    assert!(bytes + u128::from(layout.data_offset) <= i64::MAX as u128, "{layout:?}");
    // Of a row without numbers there is still a count, and of a column without them an entry in the histogram.
    let side = u128::from(layout.rows.max(layout.cols)) * layout.dtype.size() as u128;
    assert!(side + u128::from(layout.data_offset) <= i64::MAX as u128, "{layout:?}");
}

/// Dictionaries that are nearly right, of the pieces that dictionaries are made of.
fn nearly_right() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[{}()\\[\\],: '\"]",
        prop::sample::select(vec![
            "'descr'",
            "'fortran_order'",
            "'shape'",
            "'<i8'",
            "'>f4'",
            "True",
            "False",
            "None",
            "(3, 5)",
            "(7,)",
            "3L",
            "-1",
            "18446744073709551616",
            "(9223372036854775807, 9223372036854775807)",
            "{'descr': '<i8', ",
            "\u{e9}",
        ])
        .prop_map(String::from),
        any::<u64>().prop_map(|number| number.to_string()),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_a_typed_error_or_a_possible_layout(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(layout) = parse(&bytes) {
            sound(&layout, bytes.len());
        }
    }

    #[test]
    fn arbitrary_dictionaries_are_a_typed_error_or_a_possible_layout(text in nearly_right(), version in 1u8..=3) {
        let bytes = file(version, &text);
        if let Ok(layout) = parse(&bytes) {
            sound(&layout, bytes.len());
        }
    }

    #[test]
    fn any_shape_is_read_as_written_or_refused(rows: u64, cols: u64, small in 0u64..100) {
        for (rows, cols) in [(rows, cols), (rows, small), (small, cols), (small, small + 1)] {
            match of(&format!("{{'descr': '<i8', 'fortran_order': True, 'shape': ({rows}, {cols})}}")) {
                Ok(layout) => {
                    prop_assert_eq!((layout.rows, layout.cols), (rows, cols));
                    sound(&layout, 100);
                }
                Err(fault) => prop_assert_eq!(fault, HeaderFault::Shape(format!("({rows}, {cols})"))),
            }
        }
    }
}
