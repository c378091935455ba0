begin;
select plan(14);

insert into hubspot_sync.hubspot_mock_exams
  (id, hubspot_id, mock_type, exam_date, start_time, capacity, is_active, deleted_at)
values
  ('00000000-0000-4000-8000-000000000001', 'E-1', 'Mini-mock', '2030-02-01', '09:00', 4, 'YES',
     null),
  ('00000000-0000-4000-8000-000000000002', 'E-2', null, null, 'noon', null, null, '2030-01-01');
select row_eq(
  $$select id, mock_type, starts_at, capacity, seats_left, status, is_active
      from api.get_exam(' E-1 ')$$,
  row('00000000-0000-4000-8000-000000000001'::uuid, 'Mini-mock'::text,
      '2030-02-01 09:00+00'::timestamptz, 4, 4, 'available'::text, true),
  'an exam is found by its HubSpot id');
select is((api.get_exam(p_id => '00000000-0000-4000-8000-000000000001')).mock_exam_id, 'E-1',
          'or by id');
select is((api.get_exam(' ', '00000000-0000-4000-8000-000000000001')).mock_exam_id, 'E-1',
          'a blank HubSpot id is none');
select is((api.get_exam('E-2', '00000000-0000-4000-8000-000000000001')).mock_exam_id, 'E-2',
          'the HubSpot id comes first');
select row_eq(
  $$select mock_type, exam_date, starts_at, capacity, status, is_active, deleted_at
      from api.get_exam('E-2')$$,
  row(null::text, null::date, null::timestamptz, 0, 'full'::text, false,
      '2030-01-01'::timestamptz), 'also one that was deleted and of which little is known');
select throws_ok(r.call, r.code, null, r.fact)
  from (values
    ('select api.get_exam()', '22023', 'asking for nothing is refused'),
    ($$select api.get_exam('  ')$$, '22023', 'blanks ask for nothing'),
    ($$select api.get_exam('E-9')$$, 'MBEXM', 'an unknown exam is refused'),
    ($$select api.get_exam('E-9', '00000000-0000-4000-8000-000000000001')$$, 'MBEXM',
     'an id does not mend an unknown HubSpot id'),
    ($$select api.get_exam('e-1')$$, 'MBEXM', 'ids differ by case'),
    ($$select api.get_exam('%')$$, 'MBEXM', 'a pattern is a text'),
    ($$select api.get_exam('E-1'' or true --')$$, 'MBEXM', 'so is an injection'),
    ($$select api.get_exam(p_id => gen_random_uuid())$$, 'MBEXM', 'an unknown id is refused')
  ) as r (call, code, fact);
select throws_like($$select api.get_exam(' E-9 ')$$, 'mock exam E-9 does not exist',
                   'the refusal names the exam');

select * from finish();
rollback;
