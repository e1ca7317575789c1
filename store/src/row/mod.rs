//! Rows to domain values. A row that no commit of ours can have written is an error that names its place; nothing
//! is guessed and nothing is skipped.

mod chain;
mod operation;
mod order;
mod payment;
mod pool;
mod refund;

pub(crate) use chain::{BlockRow, EventRow};
pub(crate) use operation::{AttemptRow, OperationRow, attempt_columns, operation_columns};
pub(crate) use order::{OrderRow, order_columns};
pub(crate) use payment::PaymentRow;
pub(crate) use pool::{AccountRow, ReservationRow};
pub(crate) use refund::{Copies, RefundAccountRow, RefundRow, SentRow};

use leyden_domain::{BlockId, BlockRef, Height, Timestamp, chain::Delivery};
use leyden_ports::store::StoreError;
use std::str::FromStr;

/// Declares a row and how each driver reads it.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }

        $crate::row::row!(@ $name sqlx::sqlite::SqliteRow { $($field),* });
        $crate::row::row!(@ $name sqlx::postgres::PgRow { $($field),* });
    };
    (@ $name:ident $row:ty { $($field:ident),* }) => {
        impl<'r> sqlx::FromRow<'r, $row> for $name {
            fn from_row(row: &'r $row) -> Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                Ok(Self { $($field: row.try_get(stringify!($field))?),* })
            }
        }
    };
}
pub(crate) use row;

/// Where a value stands, to be named if it cannot be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    table: &'static str,
    id: &'a str,
}

impl<'a> Place<'a> {
    /// A row of a table.
    pub(crate) const fn new(table: &'static str, id: &'a str) -> Self {
        Self { table, id }
    }

    /// The error that names a column of the row.
    pub(crate) fn bad(self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, id: self.id.to_owned() }
    }

    /// Reads a text.
    pub(crate) fn parse<T: FromStr>(self, column: &'static str, text: &str) -> Result<T, StoreError> {
        text.parse().or(Err(self.bad(column)))
    }

    /// Reads a text that may be absent.
    pub(crate) fn parse_opt<T: FromStr>(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, StoreError> {
        text.map(|text| self.parse(column, text)).transpose()
    }

    /// Reads a number of another width.
    pub(crate) fn number<T: TryFrom<i64>>(self, column: &'static str, number: i64) -> Result<T, StoreError> {
        T::try_from(number).or(Err(self.bad(column)))
    }

    /// Reads a value that must be there.
    pub(crate) fn some<T>(self, column: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.bad(column))
    }

    /// Reads a block that is known by id, height and time, or not at all.
    pub(crate) fn delivery(
        self,
        column: &'static str,
        block: Option<&str>,
        height: Option<i64>,
        time: Option<i64>,
    ) -> Result<Option<Delivery>, StoreError> {
        match (block, height, time) {
            (None, None, None) => Ok(None),
            (Some(block), Some(height), Some(time)) => {
                let block = self.block(column, block, height)?;
                Ok(Some(Delivery { block, timestamp: Timestamp::from_ms(time) }))
            }
            _ => Err(self.bad(column)),
        }
    }

    /// Reads a block's id, which must carry its height.
    pub(crate) fn block(
        self,
        column: &'static str,
        block: &str,
        height: i64,
    ) -> Result<BlockRef, StoreError> {
        let block = BlockRef::new(self.parse::<BlockId>(column, block)?);
        if block.height() == Height::new(height) { Ok(block) } else { Err(self.bad(column)) }
    }
}

/// Turns rows into domain values.
pub(crate) fn convert<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(T::try_from).collect()
}
