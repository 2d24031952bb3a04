//! Columns of a table that is read: what they must hold, and what stands in a row.

use std::ops::Range;

use arrow_array::{
    Array, ArrayRef, BooleanArray, ListArray, MapArray, RecordBatch, StringArray, StructArray,
    cast::AsArray as _,
    temporal_conversions::{date32_to_datetime, timestamp_us_to_datetime},
    types::{
        ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
        UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::{DataType, TimeUnit};
use serde_json::{Map, Number, Value};

/// What a column must hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Strings.
    Text,
    /// Strings, or whole numbers that stand for them.
    Name,
    /// Whole numbers; also doubles, which pandas makes of them where some are missing.
    Int,
    /// Numbers.
    Double,
    /// Booleans.
    Flag,
    /// Timestamps.
    Time,
    /// A JSON object as a string, or a map of strings.
    Map,
    /// Several of these.
    List(&'static Kind),
    /// Several names, or one.
    Names,
    /// Some of these, by name.
    Struct(&'static [(&'static str, Kind)]),
}

impl Kind {
    /// Whether a column of this type holds it. A column of nulls only holds anything.
    pub(super) fn fits(self, data: &DataType) -> bool {
        if matches!(data, DataType::Null) {
            return true;
        }
        match self {
            Self::Text => matches!(data, DataType::Utf8),
            Self::Name => matches!(data, DataType::Utf8) || data.is_integer(),
            Self::Int => data.is_integer() || matches!(data, DataType::Float32 | DataType::Float64),
            Self::Double => data.is_integer() || matches!(data, DataType::Float32 | DataType::Float64),
            Self::Flag => matches!(data, DataType::Boolean),
            Self::Time => matches!(data, DataType::Timestamp(_, _)),
            Self::Map => matches!(data, DataType::Utf8 | DataType::Map(_, _)),
            Self::Names => Self::Name.fits(data) || Self::List(&Self::Name).fits(data),
            Self::List(item) => {
                if let DataType::List(field) = data {
                    item.fits(field.data_type())
                } else {
                    false
                }
            }
            Self::Struct(fields) => {
                let DataType::Struct(found) = data else { return false };
                fields.iter().all(|(name, kind)| {
                    found.find(name).is_none_or(|(_, field)| kind.fits(field.data_type()))
                })
            }
        }
    }

    /// What it is, for people.
    pub(super) fn name(self) -> String {
        match self {
            Self::Text => "strings".to_owned(),
            Self::Name => "strings or whole numbers".to_owned(),
            Self::Int => "whole numbers".to_owned(),
            Self::Double => "numbers".to_owned(),
            Self::Flag => "booleans".to_owned(),
            Self::Time => "timestamps".to_owned(),
            Self::Map => "JSON objects as strings".to_owned(),
            Self::Names => "strings, whole numbers or lists of them".to_owned(),
            Self::List(item) => format!("lists of {}", item.name()),
            Self::Struct(fields) => {
                let fields = fields.iter().map(|(name, kind)| format!("{name}: {}", kind.name()));
                format!("structs ({})", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A column, or a field of one; nothing stands in one that is not there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'b>(Option<&'b ArrayRef>);

impl<'b> Cells<'b> {
    /// The column of this name.
    pub(super) fn of(batch: &'b RecordBatch, name: &str) -> Self {
        Self(batch.column_by_name(name))
    }

    /// Whether there is such a column.
    pub(super) fn is_there(self) -> bool {
        self.0.is_some_and(|array| !matches!(array.data_type(), DataType::Null))
    }

    /// The field of this name.
    pub(super) fn field(self, name: &str) -> Self {
        Self(self.as_a::<StructArray>().and_then(|array| array.column_by_name(name)))
    }

    /// The items of a list, all of them, and which of them are the row's; none where nothing stands there.
    pub(super) fn list(self, row: usize) -> Option<(Self, Range<usize>)> {
        let array = self.at::<ListArray>(row)?;
        let offsets = array.value_offsets();
        let end = offsets.get(row.checked_add(1)?).copied()?;
        let range = usize::try_from(offsets.get(row).copied()?).ok()?..usize::try_from(end).ok()?;
        Some((Self(Some(array.values())), range))
    }

    /// The string in a row.
    pub(super) fn text(self, row: usize) -> Option<&'b str> {
        self.at::<StringArray>(row).map(|array| array.value(row))
    }

    /// The string in a row; empty where none is.
    pub(super) fn string(self, row: usize) -> String {
        self.text(row).unwrap_or_default().to_owned()
    }

    /// The string or the whole number in a row.
    pub(super) fn name(self, row: usize) -> Option<String> {
        match self.text(row) {
            Some(text) => Some(text.to_owned()),
            None => self.int(row).map(|number| number.to_string()),
        }
    }

    /// The boolean in a row.
    pub(super) fn flag(self, row: usize) -> Option<bool> {
        self.at::<BooleanArray>(row).map(|array| array.value(row))
    }

    /// The whole number in a row; also of a double that is one.
    pub(super) fn int(self, row: usize) -> Option<i64> {
        let value = self.number(row)?;
        value.as_i64().or_else(|| {
            let double = value.as_f64().filter(|double| double.fract() == 0.0 && double.abs() < 1e15)?;
            // Without a cast: its digits are those of a whole number.
            format!("{double:.0}").parse().ok()
        })
    }

    /// The number in a row.
    pub(super) fn double(self, row: usize) -> Option<f64> {
        self.number(row).and_then(|number| number.as_f64())
    }

    /// The microseconds since 1970 in a row.
    pub(super) fn time(self, row: usize) -> Option<i64> {
        let array = self.0.filter(|array| row < array.len() && array.is_valid(row))?;
        let DataType::Timestamp(unit, _) = array.data_type() else { return None };
        match unit {
            TimeUnit::Second => value::<TimestampSecondType>(array, row)?.checked_mul(1_000_000),
            TimeUnit::Millisecond => value::<TimestampMillisecondType>(array, row)?.checked_mul(1_000),
            TimeUnit::Microsecond => value::<TimestampMicrosecondType>(array, row),
            TimeUnit::Nanosecond => Some(value::<TimestampNanosecondType>(array, row)?.div_euclid(1_000)),
        }
    }

    /// The keys and values of a map in a row, or of a JSON object in a string.
    pub(super) fn map(self, row: usize) -> Result<Map<String, Value>, String> {
        if let Some(array) = self.at::<MapArray>(row) {
            let entries = array.value(row);
            let (keys, values) = (Cells(entries.columns().first()), Cells(entries.columns().get(1)));
            let pairs = (0..entries.len()).filter_map(|at| {
                let value = values.json(at);
                keys.name(at).map(|key| (key, value)).filter(|(_, value)| !value.is_null())
            });
            return Ok(pairs.collect());
        }
        let Some(text) = self.text(row).filter(|text| !text.is_empty()) else { return Ok(Map::new()) };
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err("is not a JSON object, such as {\"key\": \"value\"}".to_owned()),
            Err(error) => Err(format!("is not a JSON object: {error}")),
        }
    }

    /// What stands in a row, whatever it is; null also for what JSON cannot say.
    pub(super) fn json(self, row: usize) -> Value {
        if let Some(text) = self.text(row) {
            return text.into();
        }
        if let Some(number) = self.number(row) {
            return Value::Number(number);
        }
        if let Some(flag) = self.flag(row) {
            return flag.into();
        }
        if let Some(moment) = self.moment(row) {
            return moment.into();
        }
        if let Some((items, range)) = self.list(row) {
            return range.map(|at| items.json(at)).collect();
        }
        if self.at::<MapArray>(row).is_some() {
            return self.map(row).map_or(Value::Null, Value::Object);
        }
        let Some(fields) = self.at::<StructArray>(row) else { return Value::Null };
        let pairs = fields.column_names().into_iter().zip(fields.columns());
        pairs.map(|(name, array)| (name.to_owned(), Cells(Some(array)).json(row))).collect()
    }

    /// The day, or the moment in UTC, in a row.
    fn moment(self, row: usize) -> Option<String> {
        if let Some(time) = self.time(row) {
            return timestamp_us_to_datetime(time).map(|moment| moment.to_string());
        }
        let array = self.0.filter(|array| row < array.len() && array.is_valid(row))?;
        let moment = date32_to_datetime(value::<Date32Type>(array, row)?)?;
        Some(moment.date().to_string())
    }

    /// Whether nothing stands in a row.
    pub(super) fn is_null(self, row: usize) -> bool {
        self.0.is_none_or(|array| row >= array.len() || array.is_null(row) || !self.is_there())
    }

    fn as_a<A: Array + 'static>(self) -> Option<&'b A> {
        self.0.and_then(|array| array.as_any().downcast_ref::<A>())
    }

    fn at<A: Array + 'static>(self, row: usize) -> Option<&'b A> {
        self.as_a::<A>().filter(|array| row < array.len() && array.is_valid(row))
    }

    fn number(self, row: usize) -> Option<Number> {
        let array = self.0.filter(|array| row < array.len() && array.is_valid(row))?;
        let whole = WHOLE.iter().find_map(|number| number(array, row));
        whole.or_else(|| {
            let single = || value::<Float32Type>(array, row).map(f64::from);
            Number::from_f64(value::<Float64Type>(array, row).or_else(single)?)
        })
    }
}

/// The number in a row of a column of each type of whole numbers.
const WHOLE: [fn(&ArrayRef, usize) -> Option<Number>; 8] = [
    whole::<Int32Type>,
    whole::<Int64Type>,
    whole::<Int16Type>,
    whole::<Int8Type>,
    whole::<UInt32Type>,
    whole::<UInt64Type>,
    whole::<UInt16Type>,
    whole::<UInt8Type>,
];

fn whole<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> Option<Number>
where
    Number: From<T::Native>,
{
    value::<T>(array, row).map(Number::from)
}

fn value<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> Option<T::Native> {
    array.as_primitive_opt::<T>()?.values().get(row).copied()
}
