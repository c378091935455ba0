begin;
select plan(27);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable return timestamptz '2030-01-10 12:00+00';
create function pg_temp.apply(p_table text, p_records jsonb) returns text language sql as $$
  select concat_ws('/', a.applied, nullif(a.refused, '{}'), nullif(a.stale, '{}'))
    from hubspot_sync.apply_records(p_table, p_records) a
$$;

-- What is asked --------------------------------------------------------------------------------
select throws_ok($$select hubspot_sync.apply_records('sync_notes', '[]')$$, '22023', null,
                 'other tables are refused');
select throws_ok($$select hubspot_sync.apply_records(null, '[]')$$, '22023', null, 'and none');
select throws_ok($$select hubspot_sync.apply_records('hubspot_bookings', '{"id": "B-1"}')$$,
                 '22023', null, 'and what is no array');
select throws_ok($$select hubspot_sync.apply_records('hubspot_bookings', null)$$,
                 '22023', null, 'and nothing at all');
select is(pg_temp.apply(t.name, '[]'), '0', format('no %s are none', t.name))
  from unnest('{hubspot_bookings,hubspot_contact_credits,hubspot_mock_exams}'::text[]) t (name);

-- What is no record ----------------------------------------------------------------------------
select is(pg_temp.apply(t.name, '[null, 5, "text", [], {}, {"id": "1"}, {"id": null,
            "properties": {}}, {"id": "2", "properties": []}, {"id": {"a": 1}, "properties": {}}]'),
          '0/{"": "22023: no id, or no properties", "1": "22023: no id, or no properties",'
          ' "2": "22023: no id, or no properties", "{\"a\": 1}": "22023: no id, or no properties"}',
          format('what is no record is refused among %s', t.name))
  from unnest('{hubspot_bookings,hubspot_contact_credits,hubspot_mock_exams}'::text[]) t (name);
select is((select count(*) from hubspot_sync.sync_errors where resolved_at is null), 12::bigint,
          'and stands among the errors');
select is(pg_temp.apply('hubspot_mock_exams', '[{"id": 5, "properties": {}}]'), '1',
          'an id that is a number is one, and an exam may have no properties');
select is((select hubspot_id from hubspot_sync.hubspot_mock_exams), '5', 'it is here');
select is(pg_temp.apply('hubspot_mock_exams', '[{"id": 5, "properties": {}}]'), '1',
          'also the second time');

-- The same record twice ------------------------------------------------------------------------
select is(pg_temp.apply('hubspot_contact_credits', '[
            {"id": "C-1", "updatedAt": "2030-01-01T10:00:00Z", "properties": {"student_id": "S-1",
             "email": "ann@example.com", "sj_credits": "5"}},
            {"id": "C-1", "updatedAt": "2030-01-01T10:00:00Z", "properties": {"student_id": "S-1",
             "email": "ann@example.com", "sj_credits": "5"}}]'), '2',
          'a record that is there twice is taken twice');
select row_eq('select count(*), sum(sj_credits) from hubspot_sync.hubspot_contact_credits',
              row(1::bigint, 5::bigint), 'to the same effect');
select is(pg_temp.apply('hubspot_bookings', '[
            {"id": "B-1", "properties": {"booking_id": "OLD-1"}},
            {"id": "B-1", "properties": {"booking_id": "OLD-1"}}]'), '2', 'a booking, too');
select is((select count(*) from hubspot_sync.hubspot_bookings), 1::bigint, 'is one');

-- What surrounds the properties ----------------------------------------------------------------
select is(pg_temp.apply('hubspot_contact_credits', '[
            {"id": "C-2", "properties": {"student_id": "S-2", "email": "2@example.com"},
             "propertiesWithHistory": {"sj_credits": 5}},
            {"id": "C-1", "properties": {"student_id": "S-1", "email": "ann@example.com",
             "sj_credits": "5"}, "propertiesWithHistory": {"sj_credits": "x"}},
            {"id": "C-3", "updatedAt": "never",
             "properties": {"student_id": "S-3", "email": "3@example.com"}},
            {"id": "C-4", "properties": {"student_id": "S-4", "email": "4@example.com"}}]'),
          '1/{"C-1": "22023: cannot get array length of a scalar", "C-2": "22023: cannot extract'
          ' elements from a scalar", "C-3": "22023: updatedAt is no moment: never"}',
          'a history or a time that cannot be read refuses its record alone');
select is(pg_temp.apply('hubspot_bookings', '[
            {"id": "B-2", "properties": {"booking_id": "OLD-2"}, "associations": {"exams": 5}},
            {"id": "B-3", "properties": {"booking_id": "OLD-3"}, "associations": []},
            {"id": "B-4", "properties": {"booking_id": "OLD-4"}, "asked": "B-4"}]'),
          '3', 'links that cannot be read are none');
select is(pg_temp.apply('hubspot_mock_exams', jsonb_build_array(
            jsonb_build_object('id', '6', 'properties', jsonb_build_object('mock_type',
              (select string_agg(md5(n::text), '') from generate_series(1, 400) n))),
            '{"id": "7", "properties": {}}'::jsonb))
          ~ '^1/{"6": "22023: ', true, 'a text that is too long for an index refuses its exam alone');

-- A state that is older ------------------------------------------------------------------------
select is(pg_temp.apply('hubspot_contact_credits', '[
            {"id": "C-1", "updatedAt": "2030-01-01T09:59:59Z", "properties": {"student_id": "S-1",
             "email": "ann@example.com", "firstname": "Old"}}]'), '0/{C-1}',
          'a record that was read before what is known is left alone, and told');
select is(pg_temp.apply('hubspot_contact_credits', '[
            {"id": "C-1", "properties": {"student_id": "S-1", "email": "ann@example.com",
             "firstname": "New"}}]'), '1', 'one that does not tell is believed');

-- A moment that cannot be ----------------------------------------------------------------------
select is(pg_temp.apply('hubspot_contact_credits', '[
            {"id": "C-1", "updatedAt": "9999-12-31T00:00:00Z", "properties": {"student_id": "S-1",
             "email": "ann@example.com", "firstname": "Newer"}}]'), '1',
          'one that tells a moment far ahead is taken');
select is(pg_temp.apply('hubspot_contact_credits', '[
            {"id": "C-1", "updatedAt": "2030-01-01T11:00:00Z", "properties": {"student_id": "S-1",
             "email": "ann@example.com", "firstname": "Newest"}}]'), '1',
          'and makes none old that comes later');
select is((select c.firstname from hubspot_sync.hubspot_contact_credits c
            where c.hubspot_id = 'C-1'), 'Newest', 'whose values count');

select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
