begin;
select plan(16);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';
create function pg_temp.exam(
  p_change jsonb, p_spelled text default 'E-1', out code text, out message text, out detail text,
  out hint text
)
  language sql as $$
  select r.code, r.message, r.detail, r.hint
    from hubspot_sync.refuse_exam(p_spelled, jsonb_populate_record(
      null::hubspot_sync.bookable_exam,
      '{"id": "00000000-0000-4000-8000-0000000000e1", "hubspot_id": "E-1",
        "mock_type": "Mini-mock", "exam_date": "2030-01-01", "starts_at": "2030-01-01 09:00:01+00",
        "is_open": true, "taken": 2, "capacity": 3, "credit": "sjmini_credits",
        "token_name": "Mini-mock Token", "shared": false, "key_known": false}'::jsonb
      || p_change)) r
$$;

select is((pg_temp.exam(r.change::jsonb)).code, r.code, r.fact)
  from (values
    ('{}', null, 'an open exam ahead with a seat is not refused'),
    ('{"id": null}', 'MBEXM', 'one that is not there is'),
    ('{"is_open": false}', 'MBINA', 'so is one that is closed'),
    ('{"starts_at": null}', 'MBPST', 'one without a start'),
    ('{"starts_at": "2030-01-01 09:00+00"}', 'MBPST', 'one that starts this moment'),
    ('{"starts_at": "-infinity"}', 'MBPST', 'one that started before all time'),
    ('{"taken": 3}', 'MBFUL', 'one whose seats are all taken'),
    ('{"taken": 4}', 'MBFUL', 'one that is overbooked'),
    ('{"taken": 0, "capacity": 0}', 'MBFUL', 'one without seats'),
    ('{"credit": null, "mock_type": null}', 'MBTYP', 'one nobody can pay for'),
    ('{"is_open": false, "taken": 3, "starts_at": null, "credit": null}', 'MBINA',
     'that it is closed comes first'),
    ('{"taken": 3, "starts_at": null, "credit": null}', 'MBPST', 'then that it has started'),
    ('{"taken": 3, "credit": null}', 'MBFUL', 'then that it is full')
  ) as r (change, code, fact);
select is_empty(
  $q$select r.change from unnest(array['{"id": null}', '{"is_open": false}', '{"starts_at": null}',
                                      '{"taken": 3}', '{"credit": null, "mock_type": null}'])
           as r (change)
     cross join lateral pg_temp.exam(r.change::jsonb, '100%s ''$$\') e
     where strpos(e.message, '100%s ''$$\') = 0 or e.detail is null or e.hint is null$q$,
  'every refusal names the exam as it was spelled, with a detail and a hint');
select is((hubspot_sync.refuse_exam(null, null)).code, 'MBEXM', 'no exam at all is not there');

select is((pg_temp.exam('{"starts_at": "infinity", "exam_date": "infinity"}')).code, 'MBPST',
          'a day that never comes is no date');


select * from finish();
rollback;
