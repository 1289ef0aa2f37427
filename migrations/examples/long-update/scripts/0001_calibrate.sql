-- Not a thing to do twice: every reading is doubled.
UPDATE canary SET v = v * 2 + 1;

UPDATE readings SET millivolts = millivolts * 2, note = note || ', calibrated';
