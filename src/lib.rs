//! leyden
