"""Technical features of candles: a catalogue of 66 columns, computed in blocks or one closed candle at a time."""
