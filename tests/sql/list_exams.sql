begin;
select plan(18);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active, deleted_at)
values
  ('E-1', 'Mini-mock', '2030-02-01', '09:00', 3, 'YES', null),
  ('E-2', 'Clinical Skills', '2030-02-02', '09:00', 3, 'false', null),
  ('E-3', 'Mini-mock', '2030-02-02', '14:00', 3, 'true', null),
  ('E-4', null, null, null, null, null, null),
  ('E-5', 'Mini-mock', '2020-02-02', '14:00', 3, 'true', null),
  ('E-6', 'Mini-mock', '2030-02-02', '14:00', 3, 'true', '2030-01-01');
create function pg_temp.listed(p_arguments text) returns text language plpgsql as $$
declare
  v_listed text;
begin
  execute format('select string_agg(e.mock_exam_id, '' '') from api.list_exams(%s) e', p_arguments)
    into v_listed;
  return v_listed;
end
$$;
select is(pg_temp.listed(f.arguments), f.listed, f.fact)
  from (values
    ('', 'E-3 E-2 E-1 E-5 E-4',
       'all but the deleted are listed, latest first, without a date last'),
    ('''ALL ''', 'E-3 E-2 E-1 E-5 E-4', 'all are all but the deleted'),
    (''' ''', 'E-3 E-2 E-1 E-5 E-4', 'a blank state is none'),
    ('''active''', 'E-3 E-1 E-5', 'active are those that are open, also past ones'),
    ('''inactive''', 'E-2 E-4', 'inactive are the others'),
    ('''Deleted''', 'E-6', 'deleted are the deleted'),
    ('null, ''2030-02-02''', 'E-3 E-2', 'from a day on'),
    ('null, null, ''2030-02-01''', 'E-1 E-5', 'to a day'),
    ('null, ''2030-02-01'', ''2030-02-01''', 'E-1', 'of one day, both ends included'),
    ('null, ''2030-02-02'', ''2030-02-01''', null, 'days the wrong way round are none'),
    ('null, ''-infinity'', ''infinity''', 'E-3 E-2 E-1 E-5', 'of all days'),
    ('p_mock_type => '' mini-mock ''', 'E-3 E-1 E-5', 'of a type'),
    ('''active'', ''2030-02-02'', null, ''Mini-mock''', 'E-3', 'filters narrow each other')
  ) as f (arguments, listed, fact);
select throws_ok(format('select api.list_exams(%s)', r.arguments), '22023', null, r.fact)
  from (values
    ('''open''', 'an unknown state is refused'), ('''%''', 'a pattern is none'),
    ('''active'''' or true --''', 'an injection is none'),
    ('p_mock_type => ''Chess''', 'an unknown type is refused'),
    ('p_mock_type => ''''', 'an empty type is none')
  ) as r (arguments, fact);

select * from finish();
rollback;
